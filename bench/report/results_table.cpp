#include "report/results_table.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "report/bench_table.hpp"
#include "report/host_report.hpp"
#include "report/live_report.hpp"
#include "report/load_report.hpp"
#include "report/replay_report.hpp"

namespace vmbsave::report {
namespace {

struct SchemaTable {
  const char* schema;
  std::string (*text)(const nlohmann::ordered_json& run);
};
constexpr SchemaTable kTables[] = {{"vmbsave-bench-1", bench_table},
                                   {"vmbsave-load-1", load_table},
                                   {"vmbsave-live-1", live_table},
                                   {"vmbsave-host-1", host_table}};
constexpr const char* kReplay = "vmbsave-replay-1";

const SchemaTable* table_of_schema(const std::string& schema) {
  const auto table =
      std::find_if(std::begin(kTables), std::end(kTables), [&](const SchemaTable& of) { return schema == of.schema; });
  return table == std::end(kTables) ? nullptr : table;
}

}  // namespace

bool has_table(const nlohmann::ordered_json& result) {
  const std::string schema = result.at("schema").get<std::string>();
  return schema == kReplay || table_of_schema(schema) != nullptr;
}

void ResultsTable::add(const nlohmann::ordered_json& result) {
  if (const SchemaTable* const table = table_of_schema(result.at("schema").get<std::string>())) {
    if (!bench_tables_.empty()) bench_tables_ += "\n";
    const auto has = [&](const char* key) { return result.contains(key) && !result.at(key).empty(); };
    if (!has("rows") && !has("roofline") && !has("transfers")) throw std::runtime_error("no row was measured");
    bench_tables_ += table->text(result);
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
