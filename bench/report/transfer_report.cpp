#include "report/transfer_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/json_values.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json row_json(const TransferRow& row) {
  const Percentiles ns = percentiles(row.ns);
  Json per_packet = nullptr;
  Json rate = nullptr;
  if (ns.p50) {
    const auto median = static_cast<double>(std::max<std::uint64_t>(*ns.p50, 1));
    per_packet = median / static_cast<double>(std::max<std::uint64_t>(row.packets, 1));
    rate = static_cast<double>(row.image_bytes) / median;
  }
  const std::size_t repetitions = std::max<std::size_t>(row.repetitions, 1);
  Json parts = Json::object();
  for (const auto& [name, samples] : row.parts) parts[name] = percentiles_json(samples);
  return {{"name", row.name},
          {"error", row.error.empty() ? Json(nullptr) : Json(row.error)},
          {"threads", row.threads},
          {"packets", row.packets},
          {"image_bytes", row.image_bytes},
          {"samples", row.ns.size()},
          {"ns", percentiles_json(row.ns, repetitions)},
          {"ns_per_packet", per_packet},
          {"gigabytes_per_second", rate},
          {"blackout_ns", row.blackout_ns.empty() ? Json(nullptr) : percentiles_json(row.blackout_ns, repetitions)},
          {"fused_save_ns", percentiles_json(row.save_ns, repetitions)},
          {"ratio_to_copy", median_json(row.ratio_to_copy, repetitions)},
          {"ratio_to_fused_save", median_json(row.ratio_to_save, repetitions)},
          {"parts_ns", parts}};
}

std::string milliseconds(const Json& percentiles) {
  if (percentiles.is_null() || percentiles.at("p50").is_null()) return "-";
  return fmt::format("{:.3f}", percentiles.at("p50").get<double>() / 1e6);
}

std::string number(const Json& value, const char* format) {
  return value.is_null() ? "-" : fmt::format(fmt::runtime(format), value.get<double>());
}

std::string interval(const Json& ratio) {
  return fmt::format("{} [{}, {}]", number(ratio.at("p50"), "{:.2f}"), number(ratio.at("low"), "{:.2f}"),
                     number(ratio.at("high"), "{:.2f}"));
}

}  // namespace

Json transfers_json(const std::vector<TransferRow>& rows) {
  Json json = Json::array();
  for (const TransferRow& row : rows) json.push_back(row_json(row));
  return json;
}

std::string transfers_table(const Json& rows) {
  if (rows.empty()) return "";
  std::string table = fmt::format("{:<58}{:>9} {:>9} {:>6} {:>11}  {:<20} {:<20}\n", "images on their way", "ms",
                                  "ns/packet", "GB/s", "blackout ms", "x copy [95 %]", "x fused save [95 %]");
  for (const Json& row : rows) {
    table += fmt::format("{:<58}{:>9} {:>9} {:>6} {:>11}  {:<20} {:<20}\n", row.at("name").get<std::string>(),
                         milliseconds(row.at("ns")), number(row.at("ns_per_packet"), "{:.1f}"),
                         number(row.at("gigabytes_per_second"), "{:.2f}"), milliseconds(row.at("blackout_ns")),
                         interval(row.at("ratio_to_copy")), interval(row.at("ratio_to_fused_save")));
    for (const auto& [part, ns] : row.at("parts_ns").items()) {
      table += fmt::format("  {:<56}{:>9}\n", part, milliseconds(ns));
    }
  }
  return table;
}

}  // namespace vmbsave::report
