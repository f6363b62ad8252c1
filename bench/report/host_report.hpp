// host_report.hpp: what the suite `host` measured, row by row, its JSON and its table.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scenarios/host/host_result.hpp"
#include "scenarios/host/host_spec.hpp"

namespace vmbsave::report {

struct HostRow {
  bench::HostSpec spec;
  std::string error;         // why the row failed; its results are then of no use
  bench::HostResult cold;    // of the first round
  bench::HostResult result;  // of all others
};

nlohmann::ordered_json host_json(const std::string& started_utc, const nlohmann::ordered_json& context,
                                 const std::vector<HostRow>& rows);

// Takes what host_json gives. Throws what reading JSON throws if a key is missing.
std::string host_table(const nlohmann::ordered_json& run);

}  // namespace vmbsave::report
