#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "base/atomic.hpp"
#include "mem/arena.hpp"
#include "mem/mapping.hpp"
#include "packet/packet_pool.hpp"

namespace vmbsave {
namespace {

using Arena = mem::Arena<base::Atomic>;

TEST(Mapping, IsZeroAndMoves) {
  mem::Mapping mapping = mem::Mapping::reserve(10'000);
  ASSERT_TRUE(mapping);
  EXPECT_GE(mapping.size(), 10'000u);
  for (std::size_t i = 0; i < mapping.size(); i += 512) EXPECT_EQ(mapping.data()[i], std::byte{0});
  std::byte* const base = mapping.data();
  mem::Mapping moved = std::move(mapping);
  EXPECT_EQ(moved.data(), base);
  EXPECT_FALSE(mapping);  // NOLINT: moved from on purpose
}

TEST(Mapping, RefusesWhatCannotBe) {
  EXPECT_FALSE(mem::Mapping::reserve(0));
  EXPECT_FALSE(mem::Mapping::reserve(SIZE_MAX));
  EXPECT_FALSE(mem::Mapping::reserve(std::size_t{1} << 62));
}

TEST(Arena, BlocksAreAlignedAndApart) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(4096));
  std::byte* const first = arena.allocate(1);
  std::byte* const second = arena.allocate(65);
  std::byte* const third = arena.allocate(64);
  EXPECT_TRUE(base::is_aligned(first, 64));
  EXPECT_EQ(second - first, 64);
  EXPECT_EQ(third - second, 128);
  EXPECT_EQ(arena.used(), 256u);
  EXPECT_TRUE(arena.valid());
}

TEST(Arena, FullIsFullAndLosesNothing) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(4096));
  const std::uint64_t capacity = arena.capacity();
  EXPECT_EQ(arena.allocate(capacity + 1), nullptr);
  EXPECT_EQ(arena.allocate(UINT64_MAX), nullptr);
  EXPECT_EQ(arena.used(), 0u);
  EXPECT_NE(arena.allocate(capacity), nullptr);
  EXPECT_EQ(arena.allocate(1), nullptr);
  EXPECT_EQ(arena.used(), capacity);
}

TEST(Arena, KeepsItsPagesBetweenSaves) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  std::byte* const first = arena.allocate(1 << 20);
  std::memset(first, 1, 1 << 20);
  arena.reset();
  ASSERT_TRUE(arena.ensure(1 << 20));
  EXPECT_EQ(arena.allocate(64), first);
}

TEST(Arena, BlocksOfSeveralThreadsDoNotOverlap) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  std::vector<std::vector<std::byte*>> blocks(4);
  std::vector<std::thread> threads;
  for (auto& mine : blocks) {
    threads.emplace_back([&] {
      while (std::byte* const block = arena.allocate(128)) mine.push_back(block);
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::byte*> all;
  for (const auto& mine : blocks) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), arena.capacity() / 128);
  for (std::byte* const block : all) EXPECT_EQ((block - *all.begin()) % 128, 0);
}

TEST(PacketPool, PacketsComeBackClean) {
  packet::PacketPool pool(nullptr, 40, 100, 4000);
  std::set<packet::Packet*> packets;
  for (int i = 0; i < 3000; ++i) packets.insert(pool.allocate(false));
  EXPECT_EQ(packets.size(), 3000u);
  EXPECT_EQ(pool.outstanding(), 3000u);
  for (packet::Packet* const packet : packets) {
    std::memset(packet->context(), 0xAA, 40);
    packet->transaction_id = 7;
    pool.release(packet);
  }
  EXPECT_EQ(pool.outstanding(), 0u);
  pool.release(*packets.begin());
  EXPECT_EQ(pool.outstanding(), 0u) << "freed twice";
  packet::Packet* const again = pool.allocate(false);
  EXPECT_TRUE(packets.contains(again));
  EXPECT_EQ(again->transaction_id, 0u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(again->context()[i], std::byte{0});
}

}  // namespace
}  // namespace vmbsave
