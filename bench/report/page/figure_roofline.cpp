#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

std::string copy_name(const Json& copy) {
  const auto threads = copy.at("threads").get<unsigned>();
  return fmt::format("{}, {} thread{}", copy.at("streaming").get<bool>() ? "streaming" : "memcpy", threads,
                     threads == 1 ? "" : "s");
}

Ink copy_ink(const Json& copy) { return copy.at("streaming").get<bool>() ? Ink::kPeer : Ink::kFloor; }

std::vector<Curve> copy_curves(const Json& copies) {
  std::vector<Curve> curves;
  for (const Json& copy : copies) {
    const std::optional<double> rate = number_if(copy.at("gigabytes_per_second"));
    if (!rate || !copy.at("error").is_null()) continue;
    const std::string name = copy_name(copy);
    auto curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& of) { return of.name == name; });
    if (curve == curves.end()) {
      curve = curves.insert(curves.end(), {name, copy_ink(copy), {}});
      if (copy.at("threads") == 1) curve->stroke = Curve::Stroke::kDashed;
    }
    const double bytes = copy.at("bytes").get<double>();
    curve->points.push_back({bytes, *rate, fmt::format("{}, {}: {} GB/s", name, bytes_text(bytes), plain_text(*rate))});
  }
  return curves;
}

// Each save as a point: so much image in so much time. One curve for each number of threads.
std::vector<Curve> save_points(const Json& bench) {
  std::vector<Curve> curves;
  for (const Series& series : series_of(plain_rows(bench))) {
    if (series.name != "engine fused" && series.name != "engine exact") continue;
    Curve curve{series.name + ", saves", row_ink(*series.rows.front()), {}, Curve::Stroke::kNone};
    for (const Json* const row : series.rows) {
      const double bytes = row->at("image_bytes").get<double>();
      const double rate = bytes / median_ns(*row);
      curve.points.push_back({bytes, rate,
                              fmt::format("{}, {} packets: {} in {}, {} GB/s", row_label(*row),
                                          count_text(row->at("packets").get<double>()), bytes_text(bytes),
                                          time_text(median_ns(*row)), plain_text(rate))});
    }
    std::sort(curve.points.begin(), curve.points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
    curves.push_back(curve);
  }
  return curves;
}

Table rate_table(const std::vector<Curve>& curves) {
  Table table{"GB/s (1e9 bytes)", {"what", "bytes", "GB/s"}, {}};
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) {
      table.rows.push_back({curve.name, bytes_text(point.x), plain_text(point.y)});
    }
  }
  return table;
}

}  // namespace

std::optional<Content> roofline_figure(const Run& run) {
  const Json* const bench = run.bench();
  if (bench == nullptr || !bench->contains("roofline")) return std::nullopt;
  std::vector<Curve> curves = copy_curves(bench->at("roofline"));
  if (curves.empty()) return std::nullopt;
  const std::vector<Curve> saves = save_points(*bench);
  const Point* best = nullptr;
  for (const Curve& curve : saves) {
    for (const Point& point : curve.points) {
      if (best == nullptr || point.y > best->y) best = &point;
    }
  }
  const std::string reading = best == nullptr
                                  ? "How fast this machine copies memory; the run has no saves of the engine."
                                  : fmt::format("The fastest save: {}.", best->hover);
  curves.insert(curves.end(), saves.begin(), saves.end());
  std::vector<std::pair<double, std::string>> tics;
  for (double bytes = 1 << 12; bytes < 1e12; bytes *= 16) tics.emplace_back(bytes, bytes_text(bytes));
  Axis x{"bytes copied, or of the image", bytes_text, true};
  x.tics = tics;
  return Content{reading,
                 {{"", Curves{x, {"GB/s", plain_text, true}, curves}}},
                 {rate_table(curves)},
                 {"A copy reads as many bytes as it writes. A save also calls the VSP twice a packet, and its packets "
                  "lie apart."}};
}

}  // namespace vmbsave::page
