// bench_table.hpp: the JSON of vmbsave-bench as a table for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace vmbsave::report {

// The machine in one line, then a table a point, caches and pages apart; at most 132 columns. Throws what reading JSON
// throws if a key is missing.
std::string bench_table(const nlohmann::ordered_json& run);

// Of these tables, those of the points whose names begin with `point`; an empty line between them.
std::string bench_groups(const nlohmann::ordered_json& run, std::string_view point);

}  // namespace vmbsave::report
