// sign_test.hpp: what a sample of independent values says of the median that they were drawn from, whatever its
// distribution: the sign test, exactly, by the binomial distribution.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vmbsave::report {

// P(X <= k) of X successes in n trials of probability p; 0 below k = 0.
double binomial_at_most(std::ptrdiff_t k, std::size_t n, double p);

// The largest k (from 1) for which the k-th smallest of n values lies above the median with a probability of `alpha` or
// less, so that it is a lower bound; 0: none does, n is too small. By symmetry the k-th largest is an upper bound.
std::size_t bound_rank(std::size_t n, double alpha);

// Sorted values. The bound of that rank; -inf or +inf where there is none.
double lower_bound(std::span<const double> sorted, double alpha);
double upper_bound(std::span<const double> sorted, double alpha);

// How likely so few values at or below `limit` are, or fewer, if the median were `limit` or less: small where it is
// more. For p_at_least likewise above, if it were `limit` or more.
double p_above(std::span<const double> values, double limit);
double p_below(std::span<const double> values, double limit);

// The smallest p that n values can give: a rule whose alpha is below that can't fail.
double smallest_p(std::size_t n);

double median_of(std::vector<double> values);

// The largest probability under which `successes` or fewer of n trials are not less likely than 1 - confidence
// (Clopper and Pearson).
double rate_upper_bound(std::size_t successes, std::size_t n, double confidence = 0.95);

}  // namespace vmbsave::report
