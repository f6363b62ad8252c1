#include "report/percentiles.hpp"

#include <algorithm>
#include <cmath>

namespace vmbsave::report {

std::optional<std::size_t> percentile_rank(std::size_t samples, double fraction) {
  constexpr std::size_t kSamplesBeyond = 10;
  const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(samples)));
  if (rank == 0 || samples - rank < kSamplesBeyond) return std::nullopt;
  return rank;
}

std::optional<std::uint64_t> percentile(const std::vector<std::uint64_t>& sorted, double fraction) {
  const std::optional<std::size_t> rank = percentile_rank(sorted.size(), fraction);
  if (!rank) return std::nullopt;
  return sorted[*rank - 1];
}

Percentiles percentiles(std::vector<std::uint64_t> samples) {
  std::sort(samples.begin(), samples.end());
  Percentiles result{std::nullopt, percentile(samples, 0.50), percentile(samples, 0.99), std::nullopt};
  if (!samples.empty()) {
    result.min = samples.front();
    result.max = samples.back();
  }
  return result;
}

}  // namespace vmbsave::report
