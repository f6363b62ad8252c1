// intervals.hpp: how well a median is known.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace vmbsave::report {

// 1-based ranks among the sorted samples.
struct Ranks {
  std::size_t low;
  std::size_t high;
  bool operator==(const Ranks&) const = default;
};

// The closest symmetric pair of samples that encloses the median of what they were drawn from with a probability of
// 95 % or more, whatever its distribution (exact binomial). Absent below 6 samples, whose extremes do not.
std::optional<Ranks> median_ranks(std::size_t samples);

struct Median {
  std::optional<double> p50;  // absent with fewer than 10 samples beyond it
  std::optional<double> low;  // the interval: absent where median_ranks is
  std::optional<double> high;
};
Median median(std::vector<double> samples);

// Of samples of so many repetitions, one behind the other and as many each: the middle one of each repetition.
std::vector<double> medians_of_repetitions(const std::vector<double>& samples, std::size_t repetitions);

// Of samples of so many repetitions, one behind the other and as many each: what lies between two repetitions (the
// machine's load, addresses) is the same for all samples of one, so that each counts once, by its median. With too few
// repetitions for an interval, or of other sizes: as above.
Median median(const std::vector<double>& samples, std::size_t repetitions);

// One by another that was measured apart from it. The ends are those of both intervals at their worst: of two of 95 %
// each they enclose the quotient with 90 % or more whatever the distributions, and with some 99 % where both are about
// as well known. Absent where either is, or where the divisor is not above 0.
Median quotient(const Median& above, const Median& below);

}  // namespace vmbsave::report
