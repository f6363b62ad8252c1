#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

constexpr const char* kFused = "engine fused";

double packets_of(const Json& row) { return row.at("packets").get<double>(); }

Point latency_point(const Json& row, const std::string& name, double ns) {
  return {packets_of(row), ns, fmt::format("{}: {} packets in {}", name, count_text(packets_of(row)), time_text(ns))};
}

// What was measured beside the engine's rows rather than in rows of its own.
Curve beside(const std::string& name, Ink ink, const Rows& engine, std::optional<double> (*ns_of)(const Json&)) {
  Curve curve{name, ink, {}, Curve::Stroke::kDashed};
  for (const Json* const row : engine) {
    if (const std::optional<double> ns = ns_of(*row)) curve.points.push_back(latency_point(*row, name, *ns));
  }
  return curve;
}

std::vector<Curve> latency_curves(const Rows& rows) {
  std::vector<Curve> curves;
  Rows fused;
  for (const Series& series : series_of(rows)) {
    const Rows points = with_most_threads(series.rows, "packets");
    if (series.name == kFused) fused = points;
    if (points.size() < 2) continue;
    Curve curve{row_label(*points.back()), row_ink(*points.back()), {}};
    curve.is_emphasised = series.name == kFused;
    for (const Json* const row : points) curve.points.push_back(latency_point(*row, row_label(*row), median_ns(*row)));
    curves.push_back(curve);
  }
  for (Curve& curve : std::vector{beside("copy floor (beside fused)", Ink::kFloor, fused, floor_ns),
                                  beside("documented (beside fused)", Ink::kDocumented, fused, documented_ns)}) {
    if (curve.points.size() > 1) curves.push_back(std::move(curve));
  }
  return curves;
}

Table latency_table(const std::vector<Curve>& curves) {
  std::set<double> packets;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) packets.insert(point.x);
  }
  Table table{"median save time", {"packets in use"}, {}};
  for (const double count : packets) table.columns.push_back(count_text(count));
  for (const Curve& curve : curves) {
    std::vector<std::string>& row = table.rows.emplace_back(1, curve.name);
    for (const double count : packets) {
      const auto point =
          std::find_if(curve.points.begin(), curve.points.end(), [&](const Point& of) { return of.x == count; });
      row.push_back(point == curve.points.end() ? "-" : time_text(point->y));
    }
  }
  return table;
}

std::string latency_reading(const std::vector<Curve>& curves) {
  const auto fused = std::find_if(curves.begin(), curves.end(), [](const Curve& curve) { return curve.is_emphasised; });
  const Curve& curve = fused == curves.end() ? curves.front() : *fused;
  const Point& first = curve.points.front();
  const Point& last = curve.points.back();
  return fmt::format("{}: {} packets take {}, {} take {}: {} ns a packet at the one end, {} at the other.", curve.name,
                     count_text(first.x), time_text(first.y), count_text(last.x), time_text(last.y),
                     plain_text(first.y / first.x), plain_text(last.y / last.x));
}

}  // namespace

std::optional<Content> latency_figure(const Run& run) {
  const Json* const bench = run.bench();
  if (bench == nullptr) return std::nullopt;
  const std::vector<Curve> curves = latency_curves(plain_rows(*bench));
  if (curves.empty()) return std::nullopt;
  const Curves drawing{{"packets in use", count_text, true}, {"median save time", time_text, true}, curves};
  return Content{latency_reading(curves),
                 {{"", drawing}},
                 {latency_table(curves)},
                 {"The floor and the documented protocol are the fused plan's time by the ratios that were measured "
                  "beside each of its saves. A save of few packets is serial, whatever it was given."}};
}

}  // namespace vmbsave::page
