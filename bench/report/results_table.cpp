#include "report/results_table.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "report/bench_table.hpp"
#include "report/live_report.hpp"
#include "report/load_report.hpp"
#include "report/replay_report.hpp"

namespace vmbsave::report {

void ResultsTable::add(const nlohmann::ordered_json& result) {
  const bool load = result.at("schema") == "vmbsave-load-1";
  const bool live = result.at("schema") == "vmbsave-live-1";
  if (load || live || result.at("schema") == "vmbsave-bench-1") {
    if (!bench_tables_.empty()) bench_tables_ += "\n";
    const auto has = [&](const char* key) { return result.contains(key) && !result.at(key).empty(); };
    if (!has("rows") && !has("roofline") && !has("transfers")) throw std::runtime_error("no row was measured");
    bench_tables_ += load ? load_table(result) : live ? live_table(result) : bench_table(result);
  } else {
    (void)replay_table({result});
    replays_.push_back(result);
  }
}

std::string ResultsTable::text() const {
  std::string text = bench_tables_;
  if (!text.empty() && !replays_.empty()) text += "\n";
  if (!replays_.empty()) text += replay_table(replays_);
  return text;
}

}  // namespace vmbsave::report
