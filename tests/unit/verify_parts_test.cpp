// The parts that an examination is made of: rooms that notice, requests from a seed, rounds that lose memory.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "verify/heap.hpp"
#include "verify/requests.hpp"
#include "verify/room.hpp"
#include "verify/text.hpp"

namespace vmbsave::verify {
namespace {

TEST(VerifyRoom, IsAlignedAndUndamagedAtFirst) {
  Room room(5000);
  for (const std::size_t bytes : {0u, 1u, 16u, 29u, 4096u, 5000u}) {
    for (const std::span<std::byte> buffer :
         {room.in_the_midst(bytes), room.in_the_midst(bytes, 16), room.at_the_end(bytes)}) {
      EXPECT_EQ(buffer.size(), bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 16, 0u);
    }
    EXPECT_FALSE(room.damage()) << bytes;
  }
}

// Every byte from one margin before the buffer to one behind it.
TEST(VerifyRoom, NoticesEachByteAround) {
  Room room(64);
  constexpr auto kMargin = static_cast<std::ptrdiff_t>(Room::kMargin);
  constexpr std::ptrdiff_t kBytes = 29;
  for (std::ptrdiff_t offset = -kMargin; offset < kBytes + kMargin; ++offset) {
    std::byte* const at = room.in_the_midst(kBytes).data() + offset;
    *at ^= std::byte{1};
    const auto damage = room.damage();
    if (offset >= 0 && offset < kBytes) {
      EXPECT_FALSE(damage) << offset;
      continue;
    }
    ASSERT_TRUE(damage) << offset;
    EXPECT_EQ(damage->first_byte, offset);
    EXPECT_EQ(damage->bytes, 1u);
  }
}

TEST(VerifyRoom, NoticesTheBytesBeforeTheGuard) {
  Room room(64);
  for (std::size_t offset = 29; offset < 32; ++offset) {
    room.at_the_end(29).data()[offset] ^= std::byte{1};
    const auto damage = room.damage();
    ASSERT_TRUE(damage);
    EXPECT_EQ(damage->first_byte, static_cast<std::int64_t>(offset));
  }
  EXPECT_EQ(room.at_the_end(29).data() + 32, room.no_bytes());
}

TEST(VerifyRoom, SaysHowFarDamageReaches) {
  Room room(64);
  std::byte* const behind = room.in_the_midst(16).data() + 16;
  behind[2] ^= std::byte{1};
  behind[6] ^= std::byte{1};
  const auto damage = room.damage();
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->first_byte, 18);
  EXPECT_EQ(damage->bytes, 5u);
}

TEST(VerifyRequests, FollowFromTheSeed) {
  const auto first = [](std::uint64_t seed) {
    Requests requests(seed, 64, true);
    std::vector<VMBS_VSP_REQUEST> all;
    for (int i = 0; i < 1000; ++i) all.push_back(requests.next());
    return all;
  };
  const auto is_same = [](const VMBS_VSP_REQUEST& a, const VMBS_VSP_REQUEST& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  };
  const auto one = first(1);
  const auto again = first(1);
  const auto two = first(2);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), again.begin(), is_same));
  EXPECT_FALSE(std::equal(one.begin(), one.end(), two.begin(), is_same));
}

// As vsp.h has them.
TEST(VerifyRequests, AreSuchAsAGuestMakes) {
  Requests requests(1, 64, true);
  std::vector<unsigned> operations(5);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const VMBS_VSP_REQUEST request = requests.next();
    EXPECT_EQ(request.record, i);
    ASSERT_LT(request.operation, 5);
    ++operations[request.operation];
    EXPECT_LT(request.first_byte, 4096u);
    if (request.operation <= VMBS_VSP_DISCARD) {
      EXPECT_EQ(request.bytes % 512, 0u);
      EXPECT_LE(request.bytes, 256u * 1024);
    }
    if (request.operation != VMBS_VSP_DISCARD) {
      EXPECT_GT(request.bytes, 0u);
    }
  }
  for (const unsigned count : operations) EXPECT_GT(count, 800u);
  Requests none(1, 64, false);
  for (int i = 0; i < 1000; ++i) EXPECT_NE(none.next().operation, VMBS_VSP_RECEIVE) << "for a VSP that sends nothing";
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(VerifyHeap, ALossInEachRoundIsFound) {
  std::vector<std::unique_ptr<char[]>> lost;
  lost.reserve(100);
  HeapRounds rounds;
  EXPECT_EQ(rounds.lost_each(), 0u);
  while (!rounds.is_over()) {
    lost.push_back(std::make_unique<char[]>(1000));
    rounds.end_round();
  }
  EXPECT_GE(rounds.lost_each(), 1000u);
  EXPECT_LE(rounds.lost_each(), 1100u);
}

TEST(VerifyHeap, WhatOneRoundKeepsIsNot) {
  std::vector<std::unique_ptr<char[]>> kept;
  kept.reserve(100);
  HeapRounds rounds;
  for (int round = 0; !rounds.is_over(); ++round) {
    if (round != 10) kept.push_back(std::make_unique<char[]>(1000));
    rounds.end_round();
  }
  EXPECT_EQ(rounds.lost_each(), 0u);
}
#endif

TEST(VerifyText, FindsTheFirstStretchThatDiffers) {
  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (const int value : values) result.push_back(static_cast<std::byte>(value));
    return result;
  };
  EXPECT_FALSE(first_difference(bytes({1, 2}), bytes({1, 2})));
  const auto difference = first_difference(bytes({1, 2, 3, 4, 5}), bytes({1, 9, 9, 4, 9}));
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->first_byte, 1u);
  EXPECT_EQ(difference->bytes, 2u);
  const auto longer = first_difference(bytes({1, 2, 3}), bytes({1}));
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->first_byte, 1u);
  EXPECT_EQ(longer->bytes, 2u);
  EXPECT_EQ(difference_text(bytes({1, 2}), bytes({1, 0xAB})), "byte 1 is 0x02, expected 0xAB");
  EXPECT_EQ(difference_text(bytes({1, 2}), bytes({1})), "2 bytes, expected 1");
}

}  // namespace
}  // namespace vmbsave::verify
