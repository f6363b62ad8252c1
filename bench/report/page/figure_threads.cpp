#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"
#include "report/scaling.hpp"

namespace vmbsave::page {
namespace {

std::string speed_up_text(const report::SpeedUp& speed_up) {
  const auto fixed = [](const std::optional<double>& value) { return value ? fmt::format("{:.2f}", *value) : "-"; };
  return fmt::format("{:.2f} [{}, {}]", speed_up.times, fixed(speed_up.low), fixed(speed_up.high));
}

Curve threads_curve(const Json& row, const std::vector<report::SpeedUp>& speed_ups) {
  const std::string name = series_name(row);
  Curve curve{name, row_ink(row), {{1, 1, name + ", 1 thread"}}};
  curve.is_emphasised = name == "engine fused";
  for (const report::SpeedUp& of : speed_ups) {
    curve.points.push_back({static_cast<double>(of.threads), of.times,
                            fmt::format("{}, {} threads: {}", name, of.threads, speed_up_text(of)), of.low, of.high});
  }
  return curve;
}

// All rows have their points at the same numbers of threads: a little apart, no interval hides another.
void set_apart(std::vector<Curve>& curves, unsigned most) {
  constexpr double kShare = 0.01;  // of the axis, from one to the next
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const double from_middle = static_cast<double>(i) - static_cast<double>(curves.size() - 1) / 2;
    for (Point& point : curves[i].points) {
      if (point.x > 1) point.x += from_middle * kShare * most;
    }
  }
}

Curve ideal(unsigned most) {
  return {"ideal", Ink::kAxis, {{1, 1, "ideal"}, {double(most), double(most), "ideal"}}, Curve::Stroke::kDashed};
}

Axis threads_axis(unsigned most) {
  Axis axis{"threads", plain_text};
  axis.from = 0.9;
  axis.to = most * 1.08;
  for (unsigned threads = 1; threads <= most; threads *= 2) axis.tics.emplace_back(threads, fmt::format("{}", threads));
  return axis;
}

}  // namespace

std::optional<Content> threads_figure(const Run& run) {
  const Json* const bench = run.bench();
  if (bench == nullptr) return std::nullopt;
  std::vector<Curve> curves;
  Table table{"speed-up [95 %]", {"implementation", "threads", "speed-up [95 %]", "of what is ideal"}, {}};
  unsigned most = 1;
  for (const Series& series : series_of(main_rows(*bench))) {
    const std::vector<report::SpeedUp> speed_ups = report::speed_ups(series.rows);
    if (speed_ups.empty()) continue;
    curves.push_back(threads_curve(*series.rows.front(), speed_ups));
    for (const report::SpeedUp& of : speed_ups) {
      most = std::max(most, of.threads);
      table.rows.push_back({series.name, fmt::format("{}", of.threads), speed_up_text(of),
                            fmt::format("{:.0f} %", 100 * of.times / of.threads)});
    }
  }
  if (curves.empty()) return std::nullopt;
  set_apart(curves, most);
  curves.push_back(ideal(most));
  const auto engine = std::find_if(table.rows.rbegin(), table.rows.rend(),
                                   [](const std::vector<std::string>& row) { return row[0] == "engine fused"; });
  const std::vector<std::string>& read = engine == table.rows.rend() ? table.rows.front() : *engine;
  return Content{
      fmt::format("{}: {} threads make it {} times as fast, {} of what is ideal.", read[0], read[1], read[2], read[3]),
      {{"", Curves{threads_axis(most), {"times as fast as one thread", plain_text}, curves}}},
      {table},
      {"More than the ideal is possible where one thread alone was slowed by something else in the same run, "
       "or where threads bring caches of their own."}};
}

}  // namespace vmbsave::page
