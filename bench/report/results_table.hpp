// results_table.hpp: results of every kind as the tables that `vmbsave table` prints.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

// Of what else lies in the folder of a run, such as the doctor's findings, there is no table.
bool has_table(const nlohmann::ordered_json& result);

class ResultsTable {
 public:
  // The JSON of vmbsave-bench or of a replay; throws what reading JSON throws if it is another,
  // and std::runtime_error if nothing was measured.
  void add(const nlohmann::ordered_json& result);

  // A table a run of vmbsave-bench, then one of all replays.
  std::string text() const;

 private:
  std::string bench_tables_;
  std::vector<nlohmann::ordered_json> replays_;
};

}  // namespace vmbsave::report
