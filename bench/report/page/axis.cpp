#include "report/page/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page/script.hpp"

namespace vmbsave::page {
namespace {

constexpr double kMostTics = 7;

// 1, 2, 5, 10, 20 ... such that not too many of them fit.
double step_of(double width) {
  const double raw = width / kMostTics;
  const double decade = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * decade >= raw) return factor * decade;
  }
  return 10 * decade;
}

std::vector<double> linear_tics(const Range& range) {
  std::vector<double> tics;
  const double step = step_of(range.to - range.from);
  for (double i = std::ceil(range.from / step); i * step <= range.to * (1 + 1e-9); ++i) tics.push_back(i * step);
  return tics;
}

std::vector<double> log_tics(const Range& range) {
  std::vector<double> tics;
  const double decades = std::log10(range.to / range.from);
  if (decades < 0.7) return linear_tics(range);  // 1, 2 and 5 would be too few
  const int every = decades > kMostTics ? 2 : 1;
  for (int exponent = static_cast<int>(std::floor(std::log10(range.from))); std::pow(10, exponent) <= range.to;
       exponent += every) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tic = factor * std::pow(10, exponent);
      if (factor > 1 && decades > 2.5) break;
      if (tic >= range.from && tic <= range.to) tics.push_back(tic);
    }
  }
  return tics;
}

std::string scaled(double value, double unit, const char* name) {
  return fmt::format("{} {}", plain_text(value / unit), name);
}

}  // namespace

Range range_of(const Axis& axis, const std::vector<double>& values) {
  Range range{axis.log ? 1.0 : 0.0, 1.0};
  if (!values.empty()) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    range = {*low, *high};
  }
  if (axis.log) {
    constexpr double kLeast = 1e-3;  // no logarithm of nothing
    range = {std::max(range.from, kLeast) / 1.3, std::max(range.to, kLeast) * 1.3};
  } else {
    range = {std::min(0.0, range.from), range.to > 0 ? range.to * 1.05 : 1};
  }
  return {axis.from.value_or(range.from), axis.to.value_or(range.to)};
}

double place_in(const Axis& axis, const Range& range, double value) {
  if (!axis.log) return (value - range.from) / (range.to - range.from);
  return std::log(value / range.from) / std::log(range.to / range.from);
}

std::string tics_of(const Axis& axis, const Range& range, double gap) {
  std::vector<std::pair<double, std::string>> tics = axis.tics;
  if (tics.empty()) {
    for (const double tic : axis.log ? log_tics(range) : linear_tics(range)) tics.emplace_back(tic, axis.text(tic));
  }
  std::string text;
  double last = -1;
  for (const auto& [value, label] : tics) {
    const double place = place_in(axis, range, value);
    if (place - last < gap) continue;
    last = place;
    text += fmt::format("{}{} {}", text.empty() ? "(" : ", ", single_quoted(label), value);
  }
  return text.empty() ? "()" : text + ")";
}

std::string time_text(double ns) {
  if (ns == 0) return "0";
  if (ns < 1e3) return scaled(ns, 1, "ns");
  if (ns < 1e6) return scaled(ns, 1e3, "us");
  return ns < 1e9 ? scaled(ns, 1e6, "ms") : scaled(ns, 1e9, "s");
}

std::string count_text(double count) {
  std::string text = fmt::format("{:.0f}", count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string bytes_text(double bytes) {
  constexpr double kKib = 1 << 10;
  if (bytes < kKib) return fmt::format("{:.0f} B", bytes);
  if (bytes < kKib * kKib) return scaled(bytes, kKib, "KiB");
  return bytes < kKib * kKib * kKib ? scaled(bytes, kKib * kKib, "MiB") : scaled(bytes, kKib * kKib * kKib, "GiB");
}

std::string plain_text(double value) { return value < 999.5 ? fmt::format("{:.3g}", value) : count_text(value); }

}  // namespace vmbsave::page
