// compare_output.hpp: a comparison for people, and for programs.
#pragma once

#include <string>

#include "report/compare.hpp"

namespace vmbsave::report {

// The sides, a table for each group of rows, what only one side has, and how it is to be read; at most 132 columns.
std::string compare_table(const Comparison& comparison, bool colour = false);

// See compare.schema.json.
nlohmann::ordered_json compare_json(const Comparison& comparison);

}  // namespace vmbsave::report
