#include "report/intervals.hpp"

#include <algorithm>

#include "report/percentiles.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::report {
namespace {

std::optional<double> divided(const std::optional<double>& a, const std::optional<double>& b) {
  if (!a || !b || *b <= 0) return std::nullopt;
  return *a / *b;
}

}  // namespace

std::optional<Ranks> median_ranks(std::size_t samples) {
  constexpr double kEachTail = 0.025;
  const std::size_t low = bound_rank(samples, kEachTail);
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

std::vector<double> medians_of_repetitions(const std::vector<double>& samples, std::size_t repetitions) {
  const std::size_t each = repetitions == 0 ? 0 : samples.size() / repetitions;
  std::vector<double> medians;
  for (std::size_t r = 0; each != 0 && r < repetitions; ++r) {
    const auto first = samples.begin() + static_cast<std::ptrdiff_t>(r * each);
    std::vector<double> of_one(first, first + static_cast<std::ptrdiff_t>(each));
    std::sort(of_one.begin(), of_one.end());
    medians.push_back((of_one[(each - 1) / 2] + of_one[each / 2]) / 2);
  }
  return medians;
}

Median median(const std::vector<double>& samples, std::size_t repetitions) {
  const auto ranks = median_ranks(repetitions);
  if (!ranks || samples.empty() || samples.size() % repetitions != 0) return median(samples);
  std::vector<double> medians = medians_of_repetitions(samples, repetitions);
  std::sort(medians.begin(), medians.end());
  return {(medians[(repetitions - 1) / 2] + medians[repetitions / 2]) / 2, medians[ranks->low - 1],
          medians[ranks->high - 1]};
}

Median quotient(const Median& above, const Median& below) {
  return {divided(above.p50, below.p50), divided(above.low, below.high), divided(above.high, below.low)};
}

}  // namespace vmbsave::report
