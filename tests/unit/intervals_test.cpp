// What may be said of samples: percentiles, and how well a median is known.
#include "report/intervals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "report/percentiles.hpp"

namespace vmbsave::report {
namespace {

TEST(Percentiles, KnowTheSmallestSample) {
  EXPECT_EQ(percentiles({7, 3, 9}).min, 3u);
  EXPECT_EQ(percentiles({7, 3, 9}).max, 9u);
  EXPECT_EQ(percentiles({}).min, std::nullopt);
}

TEST(Percentiles, RanksAreTheNearest) {
  EXPECT_EQ(percentile_rank(20, 0.5), 10u);
  EXPECT_EQ(percentile_rank(21, 0.5), 11u);
  EXPECT_EQ(percentile_rank(19, 0.5), std::nullopt);
  EXPECT_EQ(percentile_rank(1000, 0.99), 990u);
  EXPECT_EQ(percentile_rank(999, 0.99), std::nullopt);
}

// From the tables of the sign test: the interval leaves out at most 2.5 % on each side.
TEST(MedianRanks, AreThoseOfTheBinomialDistribution) {
  const auto ranks = [](std::size_t n) { return median_ranks(n).value_or(Ranks{0, 0}); };
  EXPECT_EQ(ranks(6), (Ranks{1, 6}));
  EXPECT_EQ(ranks(8), (Ranks{1, 8}));
  EXPECT_EQ(ranks(9), (Ranks{2, 8}));
  EXPECT_EQ(ranks(10), (Ranks{2, 9}));
  EXPECT_EQ(ranks(14), (Ranks{3, 12}));
  EXPECT_EQ(ranks(15), (Ranks{4, 12}));
  EXPECT_EQ(ranks(20), (Ranks{6, 15}));
  EXPECT_EQ(ranks(22), (Ranks{6, 17}));
  EXPECT_EQ(ranks(25), (Ranks{8, 18}));
  EXPECT_EQ(ranks(50), (Ranks{18, 33}));
  EXPECT_EQ(ranks(100), (Ranks{40, 61}));
  EXPECT_EQ(ranks(1000), (Ranks{469, 532}));
}

TEST(MedianRanks, AreAbsentBelowSixSamples) {
  for (std::size_t n = 0; n < 6; ++n) EXPECT_EQ(median_ranks(n), std::nullopt) << n;
}

TEST(MedianRanks, HoldForManySamples) {
  const Ranks ranks = median_ranks(1'000'001).value();
  EXPECT_EQ(ranks.low + ranks.high, 1'000'002u);
  EXPECT_NEAR(static_cast<double>(ranks.low), 500'000.5 - 1.96 * 500, 3);
}

// Samples of one repetition lie close together, and repetitions apart: as if there were one sample a repetition.
TEST(Median, OfRepetitionsCountsEachOnce) {
  std::vector<double> samples;
  for (int repetition = 0; repetition < 7; ++repetition) {
    for (int sample = 0; sample < 3; ++sample) samples.push_back(10.0 * ((repetition * 3) % 7) + sample);
  }
  const Median m = median(samples, 7);
  EXPECT_EQ(m.p50, 31.0);
  EXPECT_EQ(m.low, 1.0);
  EXPECT_EQ(m.high, 61.0);
  EXPECT_EQ(median(samples, 5).low, median(samples).low) << "not as many each";
  EXPECT_EQ(median(samples, 3).low, median(samples).low) << "too few for an interval";
  EXPECT_EQ(median(samples, 0).p50, median(samples).p50);
  EXPECT_EQ(median({}, 7).p50, std::nullopt);
}

TEST(Median, IsTheSampleAtItsRank) {
  std::vector<double> samples(20);
  std::iota(samples.begin(), samples.end(), 1);
  std::reverse(samples.begin(), samples.end());
  const Median m = median(samples);
  EXPECT_EQ(m.p50, 10.0);
  EXPECT_EQ(m.low, 6.0);
  EXPECT_EQ(m.high, 15.0);
}

TEST(Median, SaysLessOfFewerSamples) {
  const Median few = median({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(few.p50, std::nullopt);
  EXPECT_EQ(few.low, 1.0);
  EXPECT_EQ(few.high, 6.0);
  EXPECT_EQ(median({1, 2, 3, 4, 5}).low, std::nullopt);
  EXPECT_EQ(median({}).high, std::nullopt);
}

TEST(Quotient, HasTheEndsOfBothAtTheirWorst) {
  const Median q = quotient({6, 5, 8}, {3, 2, 4});
  EXPECT_EQ(q.p50, 2.0);
  EXPECT_EQ(q.low, 1.25);
  EXPECT_EQ(q.high, 4.0);
}

TEST(Quotient, IsAbsentWithoutADivisor) {
  const Median q = quotient({6, 5, std::nullopt}, {3, 0, std::nullopt});
  EXPECT_EQ(q.p50, 2.0);
  EXPECT_EQ(q.low, std::nullopt) << "the divisor's other end is not known";
  EXPECT_EQ(q.high, std::nullopt) << "by 0";
}

// Of skewed samples with outliers, as saves are: the interval holds the true quotient in 95 of 100 and more.
TEST(Quotient, EnclosesTheTruth) {
  std::mt19937 random(1);
  std::lognormal_distribution<double> noise(0, 0.2);
  std::uniform_real_distribution<double> chance(0, 1);
  const auto drawn = [&](double middle, std::size_t samples) {
    std::vector<double> values(samples);
    for (double& value : values) value = middle * noise(random) * (chance(random) < 0.1 ? 3 : 1);
    return median(std::move(values));
  };
  constexpr int kDraws = 2000;
  int enclosed = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const Median q = quotient(drawn(1.3, 50), drawn(1, 400));
    enclosed += *q.low <= 1.3 && 1.3 <= *q.high;
  }
  EXPECT_GE(enclosed, kDraws * 95 / 100);
  EXPECT_LT(enclosed, kDraws) << "it would say nothing";
}

}  // namespace
}  // namespace vmbsave::report
