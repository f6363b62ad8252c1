#include "report/roofline_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/json_values.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

std::string size_text(std::uint64_t bytes) {
  return bytes < 1u << 20 ? fmt::format("{} KiB", bytes >> 10) : fmt::format("{} MiB", bytes >> 20);
}

std::string column_name(const Json& row) {
  const auto threads = row.at("threads").get<unsigned>();
  return fmt::format("{}, {} thread{}", row.at("streaming").get<bool>() ? "streaming" : "memcpy", threads,
                     threads == 1 ? "" : "s");
}

std::string rate(const Json& row) {
  const Json& rate = row.at("gigabytes_per_second");
  return rate.is_null() ? "-" : fmt::format("{:.1f}", rate.get<double>());
}

}  // namespace

Json roofline_json(const std::vector<RooflineRow>& rows) {
  Json json = Json::array();
  for (const RooflineRow& row : rows) {
    const Percentiles ns = percentiles(row.copy_ns);
    Json rate = nullptr;
    if (ns.p50) rate = static_cast<double>(row.bytes) / static_cast<double>(std::max<std::uint64_t>(*ns.p50, 1));
    json.push_back({{"name", row.name},
                    {"bytes", row.bytes},
                    {"threads", row.threads},
                    {"streaming", row.streaming},
                    {"error", row.error.empty() ? Json(nullptr) : Json(row.error)},
                    {"copies", row.copy_ns.size()},
                    {"copy_ns", percentiles_json(row.copy_ns)},
                    {"gigabytes_per_second", rate}});
  }
  return json;
}

std::string roofline_table(const Json& rows) {
  std::vector<std::string> columns;
  std::map<std::uint64_t, std::map<std::string, std::string>> lines;
  for (const Json& row : rows) {
    const std::string column = column_name(row);
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
    lines[row.at("bytes").get<std::uint64_t>()][column] = rate(row);
  }
  if (lines.empty()) return "";
  std::string table = fmt::format("{:<22}", "roofline, GB/s copied");
  for (const std::string& column : columns) table += fmt::format("{:>22}", column);
  table += "\n";
  for (const auto& [bytes, cells] : lines) {
    table += fmt::format("{:<22}", size_text(bytes));
    for (const std::string& column : columns) {
      const auto cell = cells.find(column);
      table += fmt::format("{:>22}", cell == cells.end() ? "-" : cell->second);
    }
    table += "\n";
  }
  return table;
}

}  // namespace vmbsave::report
