#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

Table implementations_table(const Rows& rows) {
  Table table{"",
              {"implementation", "median", "p99", "ns/packet", "x floor [95 %]", "x faster than documented [95 %]",
               "page faults", "allocator calls", "verified"},
              {}};
  for (const Json* const row : rows) {
    const auto optional_time = [](const Json& ns) { return ns.is_null() ? "-" : time_text(ns.get<double>()); };
    table.rows.push_back({row_label(*row), time_text(median_ns(*row)), optional_time(row->at("save_ns").at("p99")),
                          number_text(row->at("ns_per_packet")), interval_text(row->at("ratio_to_floor")),
                          interval_text(row->at("times_faster_than_documented_sequential")),
                          known_text(row->at("page_faults_p50")), known_text(row->at("allocator_calls_p50")),
                          row->at("verified").get<bool>() ? "yes" : "NO"});
  }
  return table;
}

Bars implementations_bars(const Rows& rows) {
  Bars bars{{"median save time", time_text}, {}};
  for (const Json* const row : rows) {
    const double ns = median_ns(*row);
    bars.bars.push_back(
        {row_label(*row), {{ns, row_ink(*row), fmt::format("{}: {}", row_label(*row), time_text(ns))}}, time_text(ns)});
  }
  return bars;
}

std::string implementations_reading(const Rows& sorted) {
  const auto engine =
      std::find_if(sorted.begin(), sorted.end(), [](const Json* row) { return row->at("implementation") == "engine"; });
  const Json& fastest = *sorted.front();
  const Json& slowest = *sorted.back();
  std::string text = fmt::format("From {} ({}) to {} ({})", time_text(median_ns(fastest)), row_label(fastest),
                                 time_text(median_ns(slowest)), row_label(slowest));
  if (engine != sorted.end()) {
    text +=
        fmt::format("; the fastest of the engine is {} with {}", row_label(**engine), time_text(median_ns(**engine)));
  }
  return text + ".";
}

std::string point_note(const Json& row) {
  return fmt::format("{} packets on {} channels, states of {} to {} bytes, warm caches: the point {}.",
                     count_text(row.at("packets").get<double>()), row.at("channels").get<unsigned>(),
                     row.at("state_min_bytes").get<unsigned>(), row.at("state_max_bytes").get<unsigned>(),
                     row.at("point").get<std::string>());
}

}  // namespace

std::optional<Content> implementations_figure(const Run& run) {
  const Json* const bench = run.bench();
  Rows rows = bench == nullptr ? Rows() : main_rows(*bench);
  if (rows.empty()) return std::nullopt;
  const Table table = implementations_table(rows);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Json* a, const Json* b) { return median_ns(*a) < median_ns(*b); });
  return Content{
      implementations_reading(rows), {{"", implementations_bars(rows)}}, {table}, {point_note(*rows.front())}};
}

}  // namespace vmbsave::page
