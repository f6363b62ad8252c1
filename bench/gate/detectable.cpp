#include "gate/detectable.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

// Sorted, their median 0.
std::vector<double> centred(std::span<const double> values) {
  std::vector<double> result(values.begin(), values.end());
  const double median = report::median_of(result);
  for (double& value : result) value -= median;
  std::sort(result.begin(), result.end());
  return result;
}

// Where `low` of n values lie at or below the limit.
double power_with(std::size_t low, std::size_t n, std::size_t rank) {
  return report::binomial_at_most(static_cast<std::ptrdiff_t>(rank) - 1, n,
                                  static_cast<double>(low) / static_cast<double>(n));
}

}  // namespace

double power_at(std::span<const double> values, std::size_t rank, double limit, double shift) {
  if (values.empty()) return 0;
  const std::vector<double> around = centred(values);
  const auto low = std::upper_bound(around.begin(), around.end(), limit - shift) - around.begin();
  return power_with(static_cast<std::size_t>(low), values.size(), rank);
}

double smallest_detectable(std::span<const double> values, std::size_t rank, double limit, double power) {
  const std::size_t n = values.size();
  std::size_t low = 0;  // values that may stay at or below the limit
  while (low < n && power_with(low + 1, n, rank) >= power) ++low;
  if (n == 0 || power_with(low, n, rank) < power) return std::numeric_limits<double>::infinity();
  // All but the first `low` lie above the limit, as little as can be.
  const double shift = limit - centred(values)[low];
  return std::nextafter(shift, std::numeric_limits<double>::infinity());
}

}  // namespace vmbsave::gate
