#include "harness/duration.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <string_view>

namespace vmbsave::cli {
namespace {

// 0: not a unit.
double nanoseconds(std::string_view unit) {
  if (unit == "ns") return 1;
  if (unit == "us") return 1e3;
  if (unit == "ms") return 1e6;
  if (unit == "s") return 1e9;
  if (unit == "min") return 60e9;
  return 0;
}

}  // namespace

std::uint64_t parse_duration(const std::string& option, const std::string& text) {
  constexpr double kLargest = 1e18;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const double scale = nanoseconds({unit, static_cast<std::size_t>(end - unit)});
  if (error != std::errc{} || scale == 0 || !(value >= 0) || value * scale > kLargest) {
    throw CLI::ValidationError(
        option, fmt::format("'{}' is not a time; give a number and a unit: 40ns, 250us, 10ms, 1.5s, 10min", text));
  }
  return static_cast<std::uint64_t>(std::llround(value * scale));
}

}  // namespace vmbsave::cli
