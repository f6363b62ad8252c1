#include "gate/other_rules.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

// Ranks of equal values are their mean; gives the sum over a's values, and the correction for ties.
struct RankSum {
  double of_a = 0;
  double ties = 0;  // sum of t^3 - t
};

RankSum rank_sum(std::span<const double> a, std::span<const double> b) {
  std::vector<std::pair<double, bool>> all;
  for (const double value : a) all.emplace_back(value, true);
  for (const double value : b) all.emplace_back(value, false);
  std::sort(all.begin(), all.end());
  RankSum sum;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end].first == all[i].first) ++end;
    const double rank = static_cast<double>(i + 1 + end) / 2;
    const double tied = static_cast<double>(end - i);
    sum.ties += tied * tied * tied - tied;
    for (; i < end; ++i) sum.of_a += all[i].second ? rank : 0;
  }
  return sum;
}

std::vector<double> times(const Slices& slices, std::uint64_t Round::*side) {
  std::vector<double> result;
  for (const Round& round : slices.rounds) {
    result.push_back(static_cast<double>(round.*side) / static_cast<double>(slices.operations));
  }
  return result;
}

double ratio_of_medians(std::span<const Slices> processes) {
  std::vector<double> base;
  std::vector<double> head;
  for (const Slices& slices : processes) {
    base.push_back(report::median_of(times(slices, &Round::base_ns)));
    head.push_back(report::median_of(times(slices, &Round::head_ns)));
  }
  return report::median_of(head) / report::median_of(base);
}

}  // namespace

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  const double m = static_cast<double>(a.size());
  const double n = static_cast<double>(b.size());
  const double all = m + n;
  const RankSum sum = rank_sum(a, b);
  const double u = sum.of_a - m * (m + 1) / 2;
  const double variance = m * n / 12 * (all + 1 - sum.ties / (all * (all - 1)));
  if (variance <= 0) return 1;
  const double distance = std::max(0.0, std::abs(u - m * n / 2) - 0.5);
  return 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), distance / std::sqrt(variance)));
}

ComparePy compare_py_says(const Slices& base_run, const Slices& head_run) {
  constexpr double kAlpha = 0.05;
  const std::vector<double> base = times(base_run, &Round::base_ns);
  const std::vector<double> head = times(head_run, &Round::head_ns);
  if (mann_whitney_p(base, head) >= kAlpha) return ComparePy::kSame;
  return report::median_of(head) > report::median_of(base) ? ComparePy::kSlower : ComparePy::kFaster;
}

DuckDb duckdb_says(std::span<const Slices> processes) {
  constexpr double kShown = 1.02;
  constexpr double kFailing = 1.10;
  if (ratio_of_medians(processes.first(kDuckDbPairs)) <= kShown) return DuckDb::kSame;
  const double confirmed = ratio_of_medians(processes.subspan(kDuckDbPairs, kDuckDbConfirming));
  if (confirmed <= kShown) return DuckDb::kSame;
  return confirmed >= kFailing ? DuckDb::kFails : DuckDb::kSlower;
}

}  // namespace vmbsave::gate
