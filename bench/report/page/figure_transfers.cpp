#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

constexpr Ink kPartInks[] = {Ink::kEngine, Ink::kOrange, Ink::kCFace, Ink::kPink, Ink::kYellow};

// "save_to_file, 2 threads"
std::string transfer_label(const Json& transfer) {
  std::string name = transfer.at("name");
  if (name.starts_with("image/")) name.erase(0, 6);
  name.resize(std::min(name.find('/'), name.size()));
  const auto threads = transfer.at("threads").get<unsigned>();
  return fmt::format("{}, {} thread{}", name, threads, threads == 1 ? "" : "s");
}

// Of all files the transfer of each name once, and that were measured.
Rows transfer_rows(const Run& run) {
  Rows rows;
  for (const Json* const bench : run.of("vmbsave-bench-1")) {
    if (!bench->contains("transfers")) continue;
    for (const Json& transfer : bench->at("transfers")) {
      const bool is_there = std::any_of(rows.begin(), rows.end(),
                                        [&](const Json* row) { return row->at("name") == transfer.at("name"); });
      if (transfer.at("error").is_null() && !transfer.at("ns").at("p50").is_null() && !is_there)
        rows.push_back(&transfer);
    }
  }
  return rows;
}

std::vector<std::string> part_names(const Rows& rows) {
  std::vector<std::string> names;
  for (const Json* const row : rows) {
    for (const auto& [part, ns] : row->at("parts_ns").items()) {
      if (std::find(names.begin(), names.end(), part) == names.end()) names.push_back(part);
    }
  }
  return names;
}

Bar transfer_bar(const Json& row, const std::vector<std::string>& parts) {
  const double whole = row.at("ns").at("p50").get<double>();
  Bar bar{transfer_label(row), {}, time_text(whole)};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!row.at("parts_ns").contains(parts[i])) continue;
    const double ns = number_if(row.at("parts_ns").at(parts[i]).at("p50")).value_or(0);
    bar.segments.push_back(
        {ns, kPartInks[i % std::size(kPartInks)], fmt::format("{}, {}: {}", bar.label, parts[i], time_text(ns))});
  }
  if (bar.segments.empty()) bar.segments = {{whole, Ink::kPeer, fmt::format("{}: {}", bar.label, bar.text)}};
  return bar;
}

Table transfer_table(const Rows& rows) {
  Table table{"", {"image", "median", "ns/packet", "GB/s", "blackout", "x copy [95 %]", "x fused save [95 %]"}, {}};
  for (const Json* const row : rows) {
    const Json& blackout = row->at("blackout_ns");
    const auto time = [](const Json& ns) { return ns.is_null() ? "-" : time_text(ns.get<double>()); };
    table.rows.push_back({transfer_label(*row), time(row->at("ns").at("p50")), number_text(row->at("ns_per_packet")),
                          number_text(row->at("gigabytes_per_second")),
                          blackout.is_null() ? "-" : time(blackout.at("p50")), interval_text(row->at("ratio_to_copy")),
                          interval_text(row->at("ratio_to_fused_save"))});
  }
  return table;
}

}  // namespace

std::optional<Content> transfers_figure(const Run& run) {
  const Rows rows = transfer_rows(run);
  if (rows.empty()) return std::nullopt;
  const std::vector<std::string> parts = part_names(rows);
  Bars bars{{"median time", time_text}, {}};
  for (const Json* const row : rows) bars.bars.push_back(transfer_bar(*row, parts));
  for (std::size_t i = 0; i < parts.size(); ++i)
    bars.legend.emplace_back(parts[i], kPartInks[i % std::size(kPartInks)]);
  bars.legend.emplace_back("in one", Ink::kPeer);
  const Json& first = *rows.front();
  return Content{
      fmt::format("{} takes {} for an image of {}, {} times a copy of the same bytes to the same place.",
                  transfer_label(first), time_text(first.at("ns").at("p50").get<double>()),
                  bytes_text(first.at("image_bytes").get<double>()), interval_text(first.at("ratio_to_copy"))),
      {{"", bars}},
      {transfer_table(rows)}};
}

}  // namespace vmbsave::page
