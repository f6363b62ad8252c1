// percentiles.hpp: what may be said of a set of measured times.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace vmbsave::report {

// Nearest rank. Absent if fewer than 10 samples lie beyond it: then the number would be noise.
std::optional<std::uint64_t> percentile(const std::vector<std::uint64_t>& sorted, double fraction);

struct Percentiles {
  std::optional<std::uint64_t> min;  // absent without samples
  std::optional<std::uint64_t> p50;
  std::optional<std::uint64_t> p99;
  std::optional<std::uint64_t> max;  // absent without samples
};
Percentiles percentiles(std::vector<std::uint64_t> samples);

// The 1-based rank of a percentile among so many samples; absent as above.
std::optional<std::size_t> percentile_rank(std::size_t samples, double fraction);

}  // namespace vmbsave::report
