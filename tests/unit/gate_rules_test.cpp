// The rules of the gate: published values, and what they promise on made-up processes. No times are measured.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gate/coverage.hpp"
#include "gate/detectable.hpp"
#include "gate/holm.hpp"
#include "gate/rule.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(SignTest, BinomialProbabilitiesAreThoseOfTheTables) {
  // Any table of the binomial distribution: n = 10, p = 1/2; n = 20, p = 0.3.
  EXPECT_NEAR(report::binomial_at_most(2, 10, 0.5), 0.0547, 5e-5);
  EXPECT_NEAR(report::binomial_at_most(5, 20, 0.3), 0.4164, 5e-5);
  EXPECT_EQ(report::binomial_at_most(-1, 10, 0.5), 0);
  EXPECT_EQ(report::binomial_at_most(10, 10, 0.5), 1);
}

TEST(SignTest, RanksOfTheBounds) {
  // Order statistics for 99 % intervals (0.5 % at each end) of 30, 40 and 60 values, and of the looks.
  EXPECT_EQ(report::bound_rank(30, 0.005), 8u);
  EXPECT_EQ(report::bound_rank(40, 0.005), 12u);
  EXPECT_EQ(report::bound_rank(60, 0.005), 20u);
  EXPECT_EQ(report::bound_rank(kLooks[0].processes, kLooks[0].alpha), 4u);
  EXPECT_EQ(report::bound_rank(kLooks[1].processes, kLooks[1].alpha), 11u);
  EXPECT_EQ(report::bound_rank(kLooks[2].processes, kLooks[2].alpha), 27u);
  EXPECT_EQ(report::bound_rank(5, 0.001), 0u) << "of so few none is a bound";
  EXPECT_EQ(report::bound_rank(0, 0.5), 0u);
}

TEST(SignTest, BoundsAreValuesOfTheSample) {
  std::vector<double> sorted;
  for (int i = 1; i <= 30; ++i) sorted.push_back(i);
  EXPECT_EQ(report::lower_bound(sorted, 0.005), 8);
  EXPECT_EQ(report::upper_bound(sorted, 0.005), 23);
  EXPECT_EQ(report::lower_bound(std::span(sorted).first(5), 0.001), -kInfinity);
  EXPECT_EQ(report::upper_bound(std::span(sorted).first(5), 0.001), kInfinity);
}

TEST(SignTest, PValuesCountWhatSpeaksAgainst) {
  const std::vector<double> values = {1, 1, 1, 1, 1, 1, 1, 1, -1, 0};
  EXPECT_NEAR(report::p_above(values, 0), 0.0547, 5e-5) << "a value at the limit is not above it";
  EXPECT_NEAR(report::p_below(values, 0), report::binomial_at_most(9, 10, 0.5), 1e-12);
  EXPECT_EQ(report::smallest_p(10), report::p_above(std::vector<double>(10, 1.0), 0));
}

TEST(SignTest, MedianOfEvenAndOddNumbers) {
  EXPECT_EQ(report::median_of({3, 1, 2}), 2);
  EXPECT_EQ(report::median_of({4, 1, 2, 3}), 2.5);
  EXPECT_TRUE(std::isnan(report::median_of({})));
}

TEST(Holm, StepsDownAndStops) {
  // Holm 1979: sorted p values against alpha/m, alpha/(m-1), ...
  const std::vector<double> p = {0.01, 0.04, 0.03, 0.005};
  EXPECT_EQ(holm(p, 0.05), (std::vector<bool>{true, false, false, true}));
  EXPECT_EQ(holm(std::vector<double>{0.04}, 0.05), std::vector<bool>{true});
  EXPECT_TRUE(holm({}, 0.05).empty());
  EXPECT_EQ(holm(std::vector<double>{0.02}, 0.05, 2), std::vector<bool>{true});
  EXPECT_EQ(holm(std::vector<double>{0.03}, 0.05, 2), std::vector<bool>{false}) << "one of two that are tested";
}

// What 0 of 59, 0 of 299, 2 of 124 show with 95 % confidence; Clopper and Pearson's bounds.
TEST(SignTest, BoundsOfRates) {
  EXPECT_NEAR(report::rate_upper_bound(0, 59), 1 - std::pow(0.05, 1.0 / 59), 1e-9);
  EXPECT_LT(report::rate_upper_bound(0, 299), 0.01);
  EXPECT_GT(report::rate_upper_bound(0, 298), 0.01);
  EXPECT_LT(report::rate_upper_bound(2, 124), 0.05);
  EXPECT_GT(report::rate_upper_bound(3, 124), 0.05);
  EXPECT_EQ(report::rate_upper_bound(5, 5), 1);
}

TEST(Detectable, IsExactlyWhatTheRuleWouldFind) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, 0.01);
  std::vector<double> values(40);
  for (double& value : values) value = noise(random);
  constexpr std::size_t kRank = 11;
  const double limit = std::log1p(0.02);
  const double shift = smallest_detectable(values, kRank, limit, 0.95);
  EXPECT_GE(power_at(values, kRank, limit, shift), 0.95);
  EXPECT_LT(power_at(values, kRank, limit, shift - 1e-9), 0.95);
  EXPECT_GT(shift, limit);
  // The same by resampling.
  const double median = report::median_of(values);
  std::uniform_int_distribution<std::size_t> pick(0, values.size() - 1);
  int found = 0;
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> drawn(values.size());
    for (double& value : drawn) value = values[pick(random)] - median + shift;
    std::nth_element(drawn.begin(), drawn.begin() + kRank - 1, drawn.end());
    found += drawn[kRank - 1] > limit ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(found) / kRounds, power_at(values, kRank, limit, shift), 0.02);
}

TEST(Detectable, NothingWhereNoRankIsABound) {
  const std::vector<double> values = {0, 0, 0};
  EXPECT_EQ(smallest_detectable(values, 0, 0.02, 0.95), kInfinity);
  EXPECT_EQ(power_at(values, 0, 0.02, 10), 0);
  EXPECT_EQ(smallest_detectable({}, 1, 0.02, 0.95), kInfinity);
}

std::vector<double> processes(std::size_t count, double shift, double spread, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(shift, spread);
  std::vector<double> values(count);
  for (double& value : values) value = noise(random);
  return values;
}

Verdict verdict_of(double shift, double spread, std::size_t look, unsigned seed = 1) {
  const std::vector<std::vector<double>> values = {processes(kLooks[look].processes, shift, spread, seed)};
  return judge(values, {}, look).front().verdict;
}

TEST(Rule, QuietProcessesAreJudgedAtTheFirstLook) {
  EXPECT_EQ(verdict_of(0, 0.002, 0), Verdict::kPass);
  EXPECT_EQ(verdict_of(std::log(1.05), 0.002, 0), Verdict::kFail);
  EXPECT_EQ(verdict_of(std::log(0.95), 0.002, 0), Verdict::kImproved);
  EXPECT_EQ(verdict_of(std::log(1.01), 0.002, 0), Verdict::kPass) << "within the margin";
}

TEST(Rule, WhatItWouldHaveFoundIsThatOfTheWholeFamily) {
  const std::vector<std::vector<double>> values = {processes(40, 0, 0.01, 3)};
  const double alone = judge(values, {}, 1).front().detectable;
  const double of_many = judge(values, {}, 1, 22).front().detectable;
  EXPECT_GT(of_many, alone);
  EXPECT_LT(of_many, 0.06);
}

TEST(Rule, WhatIsNotKnownAsksForMoreAndEndsInconclusive) {
  EXPECT_EQ(verdict_of(0, 0.1, 0), Verdict::kMore);
  EXPECT_EQ(verdict_of(0, 0.1, 1), Verdict::kMore);
  EXPECT_EQ(verdict_of(0, 0.2, 2), Verdict::kInconclusive);
}

TEST(Rule, APassSaysThatTheTargetWouldHaveBeenFound) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    const std::vector<std::vector<double>> values = {processes(40, 0, 0.02, seed)};
    const Judgement judgement = judge(values, {}, 1).front();
    if (judgement.verdict == Verdict::kPass) {
      EXPECT_LE(judgement.detectable, 0.05);
    }
    if (judgement.detectable > 0.05) {
      EXPECT_NE(judgement.verdict, Verdict::kPass);
    }
  }
}

// Holm: of twenty equal ones together no more fail than one alone may.
TEST(Rule, ManyBenchmarksFailNoOftenerThanOne) {
  int failed = 0;
  constexpr unsigned kRounds = 500;
  for (unsigned round = 0; round < kRounds; ++round) {
    std::vector<std::vector<double>> values;
    for (unsigned b = 0; b < 20; ++b) values.push_back(processes(20, std::log1p(0.02), 0.01, round * 20 + b));
    bool any = false;
    for (const Judgement& judgement : judge(values, {}, 0)) any = any || judgement.verdict == Verdict::kFail;
    failed += any ? 1 : 0;
  }
  EXPECT_LE(failed, 4) << "of 500 at 0.0015";
}

TEST(Rule, CanFailWithAsManyBenchmarksAsThereAre) {
  EXPECT_TRUE(can_fail(20, 0));
  EXPECT_TRUE(can_fail(1000, 0));
  EXPECT_FALSE(can_fail(10000, 0)) << "2^-20 is more than 0.0015 / 10000";
}

TEST(Coverage, IntervalsHoldWhateverTheDistribution) {
  for (const Family family : kFamilies) {
    for (std::size_t look = 0; look < kLooks.size(); ++look) {
      const Coverage result = coverage(family, look, 2000, 20260101);
      EXPECT_TRUE(result.holds()) << family_name(family) << ", look " << look << ": " << result.above << " above, "
                                  << result.below << " below, " << result.allowed << " allowed";
      EXPECT_LE(result.allowed, 20u);
      EXPECT_GT(result.above + result.below, 0u) << "intervals that are never wrong are too wide to be true";
    }
  }
}

}  // namespace
}  // namespace vmbsave::gate
