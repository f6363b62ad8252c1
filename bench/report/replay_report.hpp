// replay_report.hpp: a replay's result as JSON, as text, and several of them as a table.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scenarios/replay/replay.hpp"

namespace vmbsave::report {

// What the result itself does not know.
struct ReplayInput {
  std::string trace;   // file or profile, as given
  std::string format;  // of the trace
  std::string vsp;     // name of the one that it was replayed on
  bool measured_completions = false;
  bool concurrent_callbacks = false;  // SavePacket may run for several packets of a channel at once
};

// Times are integer nanoseconds; a percentile with fewer than 10 samples beyond it is null.
nlohmann::ordered_json replay_json(const ReplayInput& input, const replay::Options& options,
                                   const replay::Result& result);

// Both take what replay_json gives. Throws std::runtime_error naming the missing key.
std::string replay_text(const nlohmann::ordered_json& replay);
std::string replay_table(const std::vector<nlohmann::ordered_json>& replays);

}  // namespace vmbsave::report
