// live_report.hpp: what the suite `live` measured, row by row, and its JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/load_report.hpp"
#include "scenarios/live/live_result.hpp"
#include "scenarios/live/live_spec.hpp"

namespace vmbsave::report {

struct LiveRow {
  std::string name;  // "live/channels:4/depth:64"
  bench::LiveSpec spec;
  std::string skipped = {};  // why it could not be measured here; the result then has the disk alone
  std::string error = {};    // why it failed; likewise
  bench::LiveResult result = {};
};

nlohmann::ordered_json live_json(const std::string& started_utc, const nlohmann::ordered_json& context,
                                 const LoadClock& clock, const std::vector<LiveRow>& rows);

// A table a row.
std::string live_table(const nlohmann::ordered_json& run);

}  // namespace vmbsave::report
