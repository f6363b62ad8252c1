#include "save/arrival_order.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

namespace vmbsave::save {
namespace {

void expect_ranks(const std::vector<std::uint64_t>& sequences, std::size_t rank_of_first = 0) {
  constexpr std::uint64_t kUntouched = 0x5A5A5A5A5A5A5A5A;
  std::vector<std::uint64_t> scratch(2 * sequences.size() + 1, kUntouched);
  const ArrivalOrder order(sequences.data(), sequences.size(), rank_of_first, scratch.data());
  std::vector<std::uint64_t> sorted = sequences;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(order.rank(sorted[i]), rank_of_first + i);
  EXPECT_EQ(scratch.back(), kUntouched) << "written behind the scratch memory";
}

TEST(ArrivalOrder, FewAndNone) {
  expect_ranks({});
  expect_ranks({0});
  expect_ranks({UINT64_MAX});
  expect_ranks({7, 3});
  expect_ranks({0, UINT64_MAX});
  expect_ranks({UINT64_MAX, 0, 5});
  expect_ranks({9, 4}, 100);
}

TEST(ArrivalOrder, AtTheEdgeOfTheMap) {
  for (const std::uint64_t distance : {63u, 64u, 65u, 127u, 128u, 129u, 191u, 192u, 193u}) {
    expect_ranks({1000, 1000 + distance});
    expect_ranks({1000 + distance, 1001, 1000});
  }
}

TEST(ArrivalOrder, AnyOrderAnyDistance) {
  std::mt19937_64 random(3);
  for (const std::size_t count : {2u, 20u, 21u, 500u, 5000u}) {
    for (const std::uint64_t spread : {1u, 2u, 10u, 63u, 65u, 1000u, 1'000'000u}) {
      std::vector<std::uint64_t> sequences;
      std::uint64_t at = random() % 1000;
      for (std::size_t i = 0; i < count; ++i) sequences.push_back(at += 1 + random() % spread);
      expect_ranks(sequences);
      std::shuffle(sequences.begin(), sequences.end(), random);
      expect_ranks(sequences);
    }
  }
}

// Some packets have been in use since the channel's first day.
TEST(ArrivalOrder, AFewAreVeryOld) {
  std::mt19937_64 random(4);
  for (const std::size_t old : {1u, 5u, 498u, 499u, 500u}) {
    std::vector<std::uint64_t> sequences;
    for (std::size_t i = 0; i < 500; ++i) sequences.push_back(i < old ? 3 * i : 10'000'000'000u + 2 * i);
    std::shuffle(sequences.begin(), sequences.end(), random);
    expect_ranks(sequences, old);
  }
}

}  // namespace
}  // namespace vmbsave::save
