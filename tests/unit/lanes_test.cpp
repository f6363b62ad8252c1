#include "exec/lanes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "base/atomic.hpp"

namespace vmbsave::test {
namespace {

using Lanes = exec::Lanes<base::Atomic>;

std::vector<std::size_t> all_of_a_thread(Lanes& lanes, bool is_dealer) {
  std::vector<std::size_t> items;
  unsigned lane = lanes.enter(is_dealer);
  for (std::size_t item; (item = lanes.claim(lane)) != Lanes::kNone;) items.push_back(item);
  return items;
}

TEST(Lanes, AThreadAloneGetsAllInOrder) {
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    for (const std::size_t count : {0u, 1u, 2u, 7u, 100u}) {
      Lanes lanes;
      lanes.prepare(threads);
      lanes.deal(count, threads);
      std::vector<std::size_t> expected(count);
      std::iota(expected.begin(), expected.end(), 0);
      EXPECT_EQ(all_of_a_thread(lanes, true), expected) << count << " items, " << threads << " threads";
      EXPECT_TRUE(all_of_a_thread(lanes, false).empty());
    }
  }
}

// By turns, two threads take from their own halves, and the second one then from what is left of the first's.
TEST(Lanes, NeighboursStayWithOneThread) {
  Lanes lanes;
  lanes.prepare(2);
  lanes.deal(10, 2);
  unsigned dealer = lanes.enter(true);
  unsigned other = lanes.enter(false);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(lanes.claim(dealer), i);
    EXPECT_EQ(lanes.claim(other), 5 + i);
  }
  for (const std::size_t next : {8u, 9u, 3u, 4u}) EXPECT_EQ(lanes.claim(other), next);
  EXPECT_EQ(lanes.claim(other), Lanes::kNone);
  EXPECT_EQ(lanes.claim(dealer), Lanes::kNone);
}

TEST(Lanes, AheadOnlyOfTheLaneAndOnlyWhatMayBe) {
  Lanes lanes;
  lanes.prepare(2);
  lanes.deal(4, 2);
  const auto all = [](std::size_t) { return true; };
  EXPECT_EQ(lanes.claim_ahead(0, [](std::size_t item) { return item != 0; }), Lanes::kNone);
  EXPECT_EQ(lanes.claim_ahead(0, all), 0u);
  EXPECT_EQ(lanes.claim_ahead(0, all), 1u);
  EXPECT_EQ(lanes.claim_ahead(0, all), Lanes::kNone) << "what is left is of the other lane";
  unsigned lane = 0;
  EXPECT_EQ(lanes.claim(lane), 2u);
  EXPECT_EQ(lane, 1u);
}

// More threads than were foreseen, as when an executor calls one twice: there are lanes for them all the same.
TEST(Lanes, WhoeverComesHasALane) {
  Lanes lanes;
  lanes.prepare(3);
  lanes.deal(3, 3);
  for (const unsigned lane : {1u, 2u, 1u, 2u}) EXPECT_EQ(lanes.enter(false), lane);
  EXPECT_EQ(lanes.enter(true), 0u);
  lanes.deal(3, 1);
  EXPECT_EQ(lanes.enter(false), 0u);
}

TEST(Lanes, ThreadsGetEachItemOnce) {
  constexpr std::size_t kItems = 20'000;
  for (const unsigned threads : {2u, 5u}) {
    Lanes lanes;
    lanes.prepare(threads);
    for (int round = 0; round < 5; ++round) {
      lanes.deal(kItems, threads);
      std::vector<std::atomic<int>> claimed(kItems);
      const auto work = [&](bool is_dealer) {
        for (const std::size_t item : all_of_a_thread(lanes, is_dealer)) ++claimed[item];
      };
      std::vector<std::thread> others;
      for (unsigned i = 1; i < threads; ++i) others.emplace_back(work, false);
      work(true);
      for (std::thread& other : others) other.join();
      for (std::size_t i = 0; i < kItems; ++i) ASSERT_EQ(claimed[i], 1) << i;
    }
  }
}

}  // namespace
}  // namespace vmbsave::test
