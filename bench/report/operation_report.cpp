#include "report/operation_report.hpp"

#include <fmt/format.h>

#include "report/intervals.hpp"
#include "report/json_values.hpp"

namespace vmbsave::report {

using Json = nlohmann::ordered_json;

Json operations_json(const std::vector<OperationRow>& rows) {
  Json json = Json::array();
  for (const OperationRow& row : rows) {
    json.push_back({{"name", row.name},
                    {"operations", row.operations},
                    {"error", row.error.empty() ? Json(nullptr) : Json(row.error)},
                    {"samples", row.ns.size()},
                    {"ns", median_json(row.ns)}});
  }
  return json;
}

std::string operations_table(const Json& rows) {
  std::string table;
  for (const Json& row : rows) {
    const Json& ns = row.at("ns");
    const auto text = [&](const char* key) {
      return ns.at(key).is_null() ? "-" : fmt::format("{:.1f}", ns.at(key).get<double>());
    };
    table += fmt::format("{:<40}{} ns [{}, {}]\n", row.at("name").get<std::string>(), text("p50"), text("low"),
                         text("high"));
  }
  return table;
}

}  // namespace vmbsave::report
