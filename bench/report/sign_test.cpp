#include "report/sign_test.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <limits>

namespace vmbsave::report {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Values of which `is_against` speaks against the hypothesis.
template <class IsAgainst>
double p_value(std::span<const double> values, IsAgainst&& is_against) {
  const auto others = std::count_if(values.begin(), values.end(), [&](double value) { return !is_against(value); });
  return binomial_at_most(others, values.size(), 0.5);
}

}  // namespace

double binomial_at_most(std::ptrdiff_t k, std::size_t n, double p) {
  if (k < 0) return 0;
  if (static_cast<std::size_t>(k) >= n) return 1;
  return boost::math::cdf(boost::math::binomial_distribution<>(static_cast<double>(n), p), static_cast<double>(k));
}

std::size_t bound_rank(std::size_t n, double alpha) {
  std::size_t rank = 0;  // known to be one
  for (std::size_t none = n; rank < none;) {
    const std::size_t middle = rank + (none - rank + 1) / 2;
    if (binomial_at_most(static_cast<std::ptrdiff_t>(middle) - 1, n, 0.5) <= alpha) {
      rank = middle;
    } else {
      none = middle - 1;
    }
  }
  return rank;
}

double lower_bound(std::span<const double> sorted, double alpha) {
  const std::size_t rank = bound_rank(sorted.size(), alpha);
  return rank == 0 ? -kInfinity : sorted[rank - 1];
}

double upper_bound(std::span<const double> sorted, double alpha) {
  const std::size_t rank = bound_rank(sorted.size(), alpha);
  return rank == 0 ? kInfinity : sorted[sorted.size() - rank];
}

double p_above(std::span<const double> values, double limit) {
  return p_value(values, [&](double value) { return value > limit; });
}

double p_below(std::span<const double> values, double limit) {
  return p_value(values, [&](double value) { return value < limit; });
}

double smallest_p(std::size_t n) { return binomial_at_most(0, n, 0.5); }

double median_of(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

double rate_upper_bound(std::size_t successes, std::size_t n, double confidence) {
  if (successes >= n) return 1;
  return boost::math::binomial_distribution<>::find_upper_bound_on_p(static_cast<double>(n),
                                                                     static_cast<double>(successes), 1 - confidence);
}

}  // namespace vmbsave::report
