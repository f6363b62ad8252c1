#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

struct PhaseInk {
  const char* phase;
  Ink ink;
};
constexpr PhaseInk kPhases[] = {{"cut", Ink::kDocumented}, {"transit_wait", Ink::kFloor}, {"size", Ink::kExact},
                                {"place", Ink::kYellow},   {"save", Ink::kCFace},         {"pass", Ink::kEngine},
                                {"seal", Ink::kPink},      {"end", Ink::kOrange}};

double phase_ns(const Json& row, const char* phase) {
  const Json& phases = row.at("phases_ns");
  if (!phases.contains(phase) || phases.at(phase).at("p50").is_null()) return 0;
  return phases.at(phase).at("p50").get<double>();
}

// The main rows, and the same points with checksums or in cold caches.
Rows rows_with_phases(const Json& bench) {
  const Rows main = main_rows(bench);
  Rows rows = measured_rows(bench);
  std::erase_if(rows, [&](const Json* row) {
    return row->at("phases_ns").empty() || main.empty() || row->at("point") != main.front()->at("point");
  });
  return rows;
}

Bars phases_bars(const Rows& rows) {
  Bars bars{{"time", time_text}, {}};
  for (const Json* const row : rows) {
    Bar& bar = bars.bars.emplace_back();
    bar.label = row_label(*row);
    bar.text = time_text(median_ns(*row));
    for (const auto& [phase, ink] : kPhases) {
      const double ns = phase_ns(*row, phase);
      if (ns > 0) bar.segments.push_back({ns, ink, fmt::format("{}, {}: {}", bar.label, phase, time_text(ns))});
    }
  }
  for (const auto& [phase, ink] : kPhases) {
    if (std::any_of(rows.begin(), rows.end(), [&](const Json* row) { return phase_ns(*row, phase) > 0; })) {
      bars.legend.emplace_back(phase, ink);
    }
  }
  return bars;
}

Table phases_table(const Rows& rows) {
  Table table{"medians", {"save"}, {}};
  for (const PhaseInk& of : kPhases) table.columns.push_back(of.phase);
  table.columns.push_back("save time");
  for (const Json* const row : rows) {
    std::vector<std::string>& cells = table.rows.emplace_back(1, row_label(*row));
    for (const PhaseInk& of : kPhases) cells.push_back(time_text(phase_ns(*row, of.phase)));
    cells.push_back(time_text(median_ns(*row)));
  }
  return table;
}

std::string phases_reading(const Rows& rows) {
  const auto fused =
      std::find_if(rows.rbegin(), rows.rend(), [](const Json* row) { return series_name(*row) == "engine fused"; });
  const Json& row = fused == rows.rend() ? *rows.front() : **fused;
  const auto longest = std::max_element(
      std::begin(kPhases), std::end(kPhases),
      [&](const PhaseInk& a, const PhaseInk& b) { return phase_ns(row, a.phase) < phase_ns(row, b.phase); });
  return fmt::format("{}: {:.0f} % of the save is the phase {}, {:.1f} % the cut.", row_label(row),
                     100 * phase_ns(row, longest->phase) / median_ns(row), longest->phase,
                     100 * phase_ns(row, "cut") / median_ns(row));
}

}  // namespace

std::optional<Content> phases_figure(const Run& run) {
  const Json* const bench = run.bench();
  const Rows rows = bench == nullptr ? Rows() : rows_with_phases(*bench);
  if (rows.empty()) return std::nullopt;
  return Content{phases_reading(rows),
                 {{"", phases_bars(rows)}},
                 {phases_table(rows)},
                 {"Medians of parts need not add up to the median of the whole. The end comes after the image is "
                  "complete: it belongs to the blackout and not to the save time."}};
}

}  // namespace vmbsave::page
