#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"
#include "scenarios/save_latency/point.hpp"

namespace vmbsave::page {
namespace {

constexpr double kNoState = 8;  // where packets without state stand on a logarithmic axis

// All states of one size, and nothing else that is not as by default.
bool has_one_size(const Json& row, const Json& main) {
  const auto bytes = row.at("state_min_bytes").get<std::uint32_t>();
  const bench::Point point{.channels = main.at("channels").get<std::uint32_t>(),
                           .packets = main.at("packets").get<std::uint32_t>(),
                           .state_min_bytes = bytes,
                           .state_max_bytes = bytes};
  return row.at("point") == bench::point_name(point) && row.at("cache") == "warm" && !row.at("checksum").get<bool>();
}

Rows rows_of_one_size(const Json& bench) {
  const Rows main = main_rows(bench);
  if (main.empty()) return {};
  Rows rows = measured_rows(bench);
  std::erase_if(rows, [&](const Json* row) { return !has_one_size(*row, *main.front()); });
  return rows;
}

Point size_point(const Json& row, const std::string& name, double ns) {
  const double bytes = row.at("state_min_bytes").get<double>();
  const double each = ns / row.at("packets").get<double>();
  return {std::max(bytes, kNoState), each,
          fmt::format("{}: {} of state, {} ns/packet", name, bytes_text(bytes), plain_text(each))};
}

std::vector<Curve> size_curves(const Rows& rows) {
  std::vector<Curve> curves;
  Curve floor{"copy floor (beside fused)", Ink::kFloor, {}, Curve::Stroke::kDashed};
  for (const Series& series : series_of(rows)) {
    const Rows points = with_most_threads(series.rows, "state_min_bytes");
    if (points.size() < 2) continue;
    Curve curve{row_label(*points.back()), row_ink(*points.back()), {}};
    curve.is_emphasised = series.name == "engine fused";
    for (const Json* const row : points) {
      curve.points.push_back(size_point(*row, curve.name, median_ns(*row)));
      const std::optional<double> ns = curve.is_emphasised ? floor_ns(*row) : std::nullopt;
      if (ns) floor.points.push_back(size_point(*row, floor.name, *ns));
    }
    curves.push_back(curve);
  }
  if (floor.points.size() > 1) curves.push_back(floor);
  return curves;
}

Axis size_axis(const Rows& rows) {
  Axis axis{"bytes of state of each packet", bytes_text, true};
  for (const Json* const row : rows) {
    const double bytes = row->at("state_min_bytes").get<double>();
    axis.tics.emplace_back(std::max(bytes, kNoState), bytes == 0 ? "none" : bytes_text(bytes));
  }
  std::sort(axis.tics.begin(), axis.tics.end());
  axis.tics.erase(std::unique(axis.tics.begin(), axis.tics.end()), axis.tics.end());
  return axis;
}

Table size_table(const std::vector<Curve>& curves, const Axis& axis) {
  Table table{"ns/packet of the median save", {"implementation"}, {}};
  for (const auto& [bytes, text] : axis.tics) table.columns.push_back(text);
  for (const Curve& curve : curves) {
    std::vector<std::string>& cells = table.rows.emplace_back(1, curve.name);
    for (const auto& [bytes, text] : axis.tics) {
      const auto point =
          std::find_if(curve.points.begin(), curve.points.end(), [&](const Point& of) { return of.x == bytes; });
      cells.push_back(point == curve.points.end() ? "-" : plain_text(point->y));
    }
  }
  return table;
}

}  // namespace

std::optional<Content> state_size_figure(const Run& run) {
  const Json* const bench = run.bench();
  const Rows rows = bench == nullptr ? Rows() : rows_of_one_size(*bench);
  const std::vector<Curve> curves = size_curves(rows);
  if (curves.empty()) return std::nullopt;
  const Axis axis = size_axis(rows);
  const auto emphasised =
      std::find_if(curves.begin(), curves.end(), [](const Curve& curve) { return curve.is_emphasised; });
  const Curve& curve = emphasised == curves.end() ? curves.front() : *emphasised;
  const std::string reading =
      fmt::format("{}: {} ns a packet with {} of state, {} ns with {}.", curve.name, plain_text(curve.points.front().y),
                  axis.tics.front().second, plain_text(curve.points.back().y), axis.tics.back().second);
  return Content{reading, {{"", Curves{axis, {"ns/packet", plain_text, true}, curves}}}, {size_table(curves, axis)}};
}

}  // namespace vmbsave::page
