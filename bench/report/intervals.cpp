#include "report/intervals.hpp"

#include <algorithm>

#include "report/percentiles.hpp"

namespace vmbsave::report {
namespace {

// P(X = k) for k = 0..n/2 of the binomial distribution with p = 1/2: from the middle outwards, where nothing that
// matters underflows, and divided by the sum in the end.
std::vector<double> lower_half(std::size_t n) {
  const std::size_t middle = n / 2;
  std::vector<double> weights(middle + 1);
  weights[middle] = 1;
  for (std::size_t k = middle; k > 0; --k) {
    weights[k - 1] = weights[k] * static_cast<double>(k) / static_cast<double>(n - k + 1);
  }
  double sum = 0;
  for (const double weight : weights) sum += 2 * weight;
  if (n % 2 == 0) sum -= weights[middle];  // the other half has no middle of its own
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace

std::optional<Ranks> median_ranks(std::size_t samples) {
  constexpr double kEachTail = 0.025;
  std::size_t low = 0;
  double tail = 0;
  for (const double probability : lower_half(samples)) {
    tail += probability;
    if (tail > kEachTail) break;
    ++low;
  }
  if (low == 0) return std::nullopt;
  return Ranks{low, samples + 1 - low};
}

Median median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  Median result;
  if (const auto rank = percentile_rank(samples.size(), 0.50)) result.p50 = samples[*rank - 1];
  if (const auto ranks = median_ranks(samples.size())) {
    result.low = samples[ranks->low - 1];
    result.high = samples[ranks->high - 1];
  }
  return result;
}

}  // namespace vmbsave::report
