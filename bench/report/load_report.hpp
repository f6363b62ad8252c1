// load_report.hpp: what the suite `load` measured, row by row, and its JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scenarios/save_under_load/load_result.hpp"
#include "scenarios/save_under_load/load_spec.hpp"

namespace vmbsave::report {

struct LoadRow {
  std::string name;  // "load/pinned/open/engine"
  std::string group;
  std::string implementation;
  bench::LoadSpec spec;
  std::string error;  // why the row failed; its result is then of no use
  bench::LoadResult result;
  std::vector<double> blackout_to_engine;  // of each round: its median blackout, as a multiple of the engine's
};

// How the calls were timed.
struct LoadClock {
  std::string name;
  std::uint64_t cost_ns = 0;  // of a reading: part of every time
};

nlohmann::ordered_json load_json(const std::string& started_utc, const nlohmann::ordered_json& context,
                                 const LoadClock& clock, const std::vector<LoadRow>& rows);

// The tables of a run, and what it says of the two bars.
std::string load_table(const nlohmann::ordered_json& run);

}  // namespace vmbsave::report
