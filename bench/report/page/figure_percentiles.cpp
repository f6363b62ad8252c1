#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"
#include "report/percentiles.hpp"

namespace vmbsave::page {
namespace {

struct NamedFraction {
  double fraction;
  const char* name;
  bool is_tic;
};

constexpr NamedFraction kFractions[] = {{0.5, "p50", true},      {0.6, "p60", false},   {0.7, "p70", false},
                                        {0.8, "p80", false},     {0.9, "p90", true},    {0.95, "p95", true},
                                        {0.98, "p98", false},    {0.99, "p99", true},   {0.995, "p99.5", false},
                                        {0.998, "p99.8", false}, {0.999, "p99.9", true}};

// Each further nine is as far from the last.
double nines(double fraction) { return -std::log10(1 - fraction); }

Curve percentile_curve(const Json& row) {
  auto samples = row.at("samples_ns").get<std::vector<std::uint64_t>>();
  std::sort(samples.begin(), samples.end());
  const std::string name = row_label(row);
  Curve curve{name, row_ink(row), {}};
  curve.is_emphasised = series_name(row) == "engine fused";
  if (row.at("implementation") == "copy_floor") curve.stroke = Curve::Stroke::kDashed;
  for (const NamedFraction& of : kFractions) {
    const std::optional<std::uint64_t> ns = report::percentile(samples, of.fraction);
    if (!ns) break;
    const auto value = static_cast<double>(*ns);
    curve.points.push_back({nines(of.fraction), value, fmt::format("{}, {}: {}", name, of.name, time_text(value))});
  }
  return curve;
}

// Of each series the most threads; peers have too few samples for more than the median.
std::vector<Curve> percentile_curves(const Rows& rows) {
  std::vector<Curve> curves;
  for (const Series& series : series_of(rows)) {
    Curve curve = percentile_curve(*with_most_threads(series.rows, "packets").front());
    if (curve.points.size() > 4) curves.push_back(std::move(curve));
  }
  return curves;
}

Table percentile_table(const std::vector<Curve>& curves) {
  Table table{"save time", {"percentile"}, {}};
  for (const NamedFraction& of : kFractions) table.columns.push_back(of.name);
  for (const Curve& curve : curves) {
    std::vector<std::string>& row = table.rows.emplace_back(1, curve.name);
    for (const Point& point : curve.points) row.push_back(time_text(point.y));
    row.resize(table.columns.size(), "-");
  }
  return table;
}

std::string percentile_reading(const std::vector<Curve>& curves) {
  const auto emphasised =
      std::find_if(curves.begin(), curves.end(), [](const Curve& curve) { return curve.is_emphasised; });
  const Curve& curve = emphasised == curves.end() ? curves.front() : *emphasised;
  const Point& last = curve.points.back();
  const char* const name = kFractions[curve.points.size() - 1].name;
  return fmt::format("{}: half of all saves take {} or less, and {} is {}, {:.2g} times as long.", curve.name,
                     time_text(curve.points.front().y), name, time_text(last.y), last.y / curve.points.front().y);
}

}  // namespace

std::optional<Content> percentiles_figure(const Run& run) {
  const Json* const bench = run.bench();
  if (bench == nullptr) return std::nullopt;
  const std::vector<Curve> curves = percentile_curves(main_rows(*bench));
  if (curves.empty()) return std::nullopt;
  Axis x{"percentile of the recorded saves", plain_text};
  x.from = nines(0.5);
  double most = *x.from;
  for (const Curve& curve : curves) most = std::max(most, curve.points.back().x);
  x.to = most;
  for (const NamedFraction& of : kFractions) {
    if (of.is_tic && nines(of.fraction) <= most) x.tics.emplace_back(nines(of.fraction), of.name);
  }
  return Content{percentile_reading(curves),
                 {{"", Curves{x, {"save time", time_text, true}, curves}}},
                 {percentile_table(curves)}};
}

}  // namespace vmbsave::page
