// measured_rows.hpp: the rows of results of every kind in one form, as far as those of two runs are compared by it.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/intervals.hpp"

namespace vmbsave::report {

struct MeasuredRow {
  std::string kind;     // save, transfer, operation, roofline, replay, load, live or host
  std::string name;     // by which it is found in another run
  std::string group;    // what it stands under in a table
  std::string label;    // what remains of its name there
  std::string why_not;  // it failed or was skipped, and has no numbers; empty: it has
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();  // those of another run must be alike
  nlohmann::ordered_json exact = nlohmann::ordered_json::object();     // counted or chosen: known without an interval
  Median time;                                                         // ns
  std::string beside;  // what was measured beside each sample, such as copy_floor; empty: nothing was
  Median ratio;        // of the samples to it
  std::size_t repetitions = 1;
  std::optional<std::size_t> samples;  // of all repetitions; of saves, transfers and replays alone
  std::string allocator;               // that its result was measured with; measured_rows leaves it empty
  bool is_yardstick = false;           // a plain copy: its time says how fast the machine was
};

// The rows of a result; none for schemas that have none that could be compared. Throws nlohmann::json::exception if
// something is missing in it.
std::vector<MeasuredRow> measured_rows(const nlohmann::ordered_json& result);

}  // namespace vmbsave::report
