// bench_table.hpp: the JSON of vmbsave-bench as a table for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

// The machine in one line, then a table a point, caches and pages apart; at most 132 columns. Throws what reading JSON
// throws if a key is missing.
std::string bench_table(const nlohmann::ordered_json& run);

// Of these tables, those of the points of these names; an empty line between them.
std::string bench_groups(const nlohmann::ordered_json& run, const std::vector<std::string>& points);

}  // namespace vmbsave::report
