#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "report/profile_report.hpp"
#include "report/result_text.hpp"

namespace vmbsave::report {
namespace {

constexpr unsigned kEighths = 8;
constexpr std::array<const char*, kEighths + 1> kFromBelow = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<const char*, kEighths + 1> kFromLeft = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
constexpr unsigned kRows = 10;
constexpr unsigned kMargin = 10;  // of the scale on the left

struct Column {
  double mean = 0;
  std::uint64_t peak = 0;
};

// As many as fit, each of the same number of buckets or of one more.
std::vector<Column> columns_of(const trace::Profile& profile, const TextStyle& style) {
  const std::size_t buckets = profile.bucket_peaks.size();
  std::vector<Column> columns(std::min<std::size_t>(buckets, style.columns - kMargin));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    double weights = 0;
    for (std::size_t bucket = i * buckets / columns.size(); bucket < (i + 1) * buckets / columns.size(); ++bucket) {
      const std::uint64_t start_ns = bucket * profile.bucket_ns;
      const auto weight =
          static_cast<double>(std::min(profile.bucket_ns, std::max<std::uint64_t>(1, profile.end_ns) - start_ns));
      weights += weight;
      columns[i].mean += (profile.bucket_means[bucket] - columns[i].mean) * weight / weights;
      columns[i].peak = std::max(columns[i].peak, profile.bucket_peaks[bucket]);
    }
  }
  return columns;
}

// `row` counts from the axis, from 0.
const char* cell(const Column& column, double top, unsigned row, const TextStyle& style) {
  const double scale = kRows / top;
  const bool in_peak = static_cast<double>(column.peak) * scale > row;
  if (!style.unicode) return std::round(column.mean * scale) > row ? "#" : in_peak ? ":" : " ";
  const double eighths = std::round(column.mean * scale * kEighths) - row * kEighths;
  if (eighths < 1) return in_peak ? "░" : " ";
  return kFromBelow[static_cast<std::size_t>(std::min<double>(eighths, kEighths))];
}

}  // namespace

std::string bar_text(double part, double whole, unsigned columns, const TextStyle& style) {
  const double length = whole > 0 ? part / whole * columns : 0;
  if (!style.unicode) return std::string(static_cast<std::size_t>(std::lround(length)), '#');
  const auto eighths = static_cast<std::size_t>(std::lround(length * kEighths));
  std::string bar;
  for (std::size_t i = 0; i < eighths / kEighths; ++i) bar += kFromLeft[kEighths];
  return bar + kFromLeft[eighths % kEighths];
}

std::string in_use_picture(const trace::Profile& profile, const TextStyle& style) {
  const std::vector<Column> columns = columns_of(profile, style);
  const double top = std::max(1.0, static_cast<double>(profile.peak));
  std::string text;
  for (unsigned row = kRows; row-- > 0;) {
    std::string line;
    for (const Column& column : columns) line += cell(column, top, row, style);
    line.erase(line.find_last_not_of(' ') + 1);
    text += fmt::format("{:>8} |{}\n", row + 1 == kRows ? fmt::format("{:.0f}", top) : "", line);
  }
  text += fmt::format("{:>8} +{}\n", 0, std::string(columns.size(), '-'));
  const std::string end = duration_text(static_cast<double>(profile.end_ns));
  text += fmt::format("{:>{}}{:>{}}\n", "0 s", kMargin + 2, end, std::max<std::size_t>(columns.size(), 12) - 2);
  return text + fmt::format("{:>{}}: mean, {}: peak of a column, about {}\n", style.unicode ? "█" : "#", kMargin + 1,
                            style.unicode ? "░" : ":",
                            duration_text(static_cast<double>(profile.end_ns / columns.size())));
}

}  // namespace vmbsave::report
