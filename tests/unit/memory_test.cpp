#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
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

TEST(Mapping, GrowsAndKeepsWhatItHolds) {
  mem::Mapping mapping = mem::Mapping::reserve(5000);
  std::memset(mapping.data(), 7, mapping.size());
  const std::size_t before = mapping.size();
  for (const std::size_t bytes : {std::size_t{9000}, std::size_t{3} << 20, std::size_t{9} << 20}) {
    ASSERT_TRUE(mapping.grow(bytes));
    ASSERT_GE(mapping.size(), bytes);
    for (std::size_t i = 0; i < before; ++i) ASSERT_EQ(mapping.data()[i], std::byte{7}) << i;
    for (std::size_t i = before; i < mapping.size(); i += 4096) ASSERT_EQ(mapping.data()[i], std::byte{0}) << i;
  }
  const std::size_t size = mapping.size();
  EXPECT_FALSE(mapping.grow(SIZE_MAX / 4)) << "refused";
  EXPECT_EQ(mapping.size(), size);
  EXPECT_EQ(mapping.data()[before - 1], std::byte{7}) << "and nothing has changed";
  mem::Mapping empty;
  ASSERT_TRUE(empty.grow(100));
  EXPECT_GE(empty.size(), 100u);
}

// Of the kernel's areas, those that lie in [first, first + bytes).
unsigned areas(const std::byte* first, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(first);
  std::FILE* const maps = std::fopen("/proc/self/maps", "r");
  if (maps == nullptr) return 0;
  unsigned count = 0;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0;
    unsigned long to = 0;
    if (std::sscanf(line, "%lx-%lx", &from, &to) == 2 && from < begin + bytes && to > begin) ++count;
  }
  std::fclose(maps);
  return count;
}

// Before Linux 6.17 pages of more than one area do not move in one call: the third growth would be the last one.
TEST(Mapping, StaysOneAreaHoweverOftenItGrows) {
  mem::Mapping mapping;
  for (std::size_t bytes = 10'000; bytes < (std::size_t{100} << 20); bytes *= 3) {
    ASSERT_TRUE(mapping.grow(bytes));
    ASSERT_TRUE(mapping.prefault(0, bytes));
    std::memset(mapping.data(), 3, bytes);
    ASSERT_EQ(areas(mapping.data(), mapping.size()), 1u) << bytes;
    EXPECT_TRUE(bytes < (std::size_t{2} << 20) || base::is_aligned(mapping.data(), std::size_t{2} << 20));
  }
}

TEST(Mapping, LargeOnesAreAlignedForHugePages) {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  for (int i = 0; i < 5; ++i) {
    const mem::Mapping mapping = mem::Mapping::reserve(kHuge + 1);
    EXPECT_TRUE(base::is_aligned(mapping.data(), kHuge));
    EXPECT_EQ(mapping.size(), 2 * kHuge);
  }
}

TEST(Mapping, PrefaultKeepsContents) {
  mem::Mapping mapping = mem::Mapping::reserve(64 * 4096);
  for (std::size_t i = 0; i < mapping.size(); i += 2 * 4096) mapping.data()[i] = std::byte{9};
  EXPECT_TRUE(mapping.prefault(4096, SIZE_MAX));
  for (std::size_t i = 0; i < mapping.size(); i += 4096) {
    EXPECT_EQ(mapping.data()[i], std::byte(i % (2 * 4096) == 0 ? 9 : 0)) << i;
  }
}

// The system would give pages until it ends the process. Asked for one of them only, in case it does.
TEST(Mapping, MoreThanTheMachineHasIsRefused) {
  const std::size_t memory = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * mem::kPage;
  if (memory < std::size_t{1} << 30) GTEST_SKIP() << "less than 1 GiB is never asked about";
  mem::Mapping mapping = mem::Mapping::reserve(2 * memory);
  if (!mapping) GTEST_SKIP() << "the system gives no addresses for it";
  EXPECT_FALSE(mapping.prefault(2 * memory - mem::kPage, 2 * memory));
  EXPECT_TRUE(mapping.prefault(0, 2 * mem::kPage));
}

TEST(Arena, BlocksAreAlignedAndApart) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(4096));
  EXPECT_EQ(arena.allocate(1), 0u);
  EXPECT_EQ(arena.allocate(65), 64u);
  EXPECT_EQ(arena.allocate(64), 192u);
  EXPECT_EQ(arena.used(), 256u);
  EXPECT_TRUE(base::is_aligned(arena.data(), 64));
  EXPECT_TRUE(arena.valid());
}

TEST(Arena, FullIsFullAndLosesNothing) {
  Arena arena;
  EXPECT_EQ(arena.allocate(1), Arena::kNoRoom) << "nothing there yet";
  ASSERT_TRUE(arena.ensure(4096));
  EXPECT_EQ(arena.ready(), 4096u);
  EXPECT_EQ(arena.allocate(4097), Arena::kNoRoom);
  EXPECT_EQ(arena.allocate(UINT64_MAX), Arena::kNoRoom);
  EXPECT_EQ(arena.used(), 0u);
  EXPECT_EQ(arena.allocate(4096), 0u);
  EXPECT_EQ(arena.allocate(1), Arena::kNoRoom);
  EXPECT_EQ(arena.used(), 4096u);
}

TEST(Arena, GrowsWithoutLosingBlocks) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(4096));
  ASSERT_EQ(arena.allocate(4096), 0u);
  std::memset(arena.data(), 5, 4096);
  ASSERT_TRUE(arena.ensure(8 << 20));
  EXPECT_EQ(arena.used(), 4096u);
  EXPECT_EQ(arena.allocate(64), 4096u);
  for (std::size_t i = 0; i < 4096; ++i) ASSERT_EQ(arena.data()[i], std::byte{5});
}

TEST(Arena, KeepsItsPagesBetweenSaves) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  std::byte* const before = arena.data();
  ASSERT_EQ(arena.allocate(1 << 20), 0u);
  arena.reset();
  ASSERT_TRUE(arena.ensure(1 << 20));
  EXPECT_EQ(arena.data(), before);
  EXPECT_EQ(arena.allocate(64), 0u);
}

TEST(Arena, ReservesAddressesForSomeGrowthWithinTheBudget) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(40 << 20));
  EXPECT_GE(arena.capacity(), 44u << 20);
  EXPECT_LE(arena.capacity(), 46u << 20) << "page faults that no save may ever need";
  EXPECT_EQ(arena.ready(), 40u << 20);
  std::byte* const before = arena.data();
  arena.prefault_reserve();
  EXPECT_EQ(arena.ready(), arena.capacity());
  EXPECT_EQ(arena.data(), before) << "an image in it stays where it is";
  Arena tight;
  ASSERT_TRUE(tight.ensure(40 << 20, 0, 42 << 20));
  EXPECT_EQ(tight.capacity(), 42u << 20);
  EXPECT_TRUE(tight.ensure(40 << 20, 2 << 20));
  EXPECT_EQ(tight.capacity(), 42u << 20) << "there is as much to spare";
  EXPECT_TRUE(tight.ensure(40 << 20, 8 << 20));
  EXPECT_EQ(tight.capacity(), 52u << 20);
  EXPECT_EQ(tight.ready(), 40u << 20);
}

// bytes + a part of them, modulo 2^64, is next to nothing.
TEST(Arena, RefusesWhatCannotBe) {
  for (const std::uint64_t bytes : {UINT64_MAX / 5 * 4 + 4096, UINT64_MAX / 11 * 10 + 4096, UINT64_MAX}) {
    Arena arena;
    ASSERT_TRUE(arena.ensure(4096));
    EXPECT_FALSE(arena.ensure(bytes)) << bytes;
    EXPECT_FALSE(arena.ensure(bytes, 0, UINT64_MAX)) << bytes;
    EXPECT_FALSE(arena.ensure(bytes, UINT64_MAX)) << bytes;
    EXPECT_EQ(arena.ready(), 4096u) << "nothing has changed";
    EXPECT_TRUE(arena.valid());
  }
}

TEST(Arena, BlocksOfSeveralThreadsDoNotOverlap) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  std::vector<std::vector<std::uint64_t>> blocks(4);
  std::vector<std::thread> threads;
  for (auto& mine : blocks) {
    threads.emplace_back([&] {
      for (std::uint64_t at = arena.allocate(128); at != Arena::kNoRoom; at = arena.allocate(128)) mine.push_back(at);
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& mine : blocks) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), arena.ready() / 128);
  for (const std::uint64_t block : all) EXPECT_EQ(block % 128, 0u);
}

using Stretch = mem::Stretch<base::Atomic>;

TEST(Stretch, BlocksLieSideBySide) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  Stretch one(arena, 4096, 512);
  Stretch other(arena, 4096, 512);
  EXPECT_EQ(one.allocate(100), 0u);
  EXPECT_EQ(other.allocate(100), 4096u);
  EXPECT_EQ(one.allocate(64), 128u);
  EXPECT_EQ(one.allocate(1), 192u);
  EXPECT_EQ(arena.used(), 8192u);
  EXPECT_EQ(one.close(), 4096u - 256) << "what lies before the other's cannot be given back";
  EXPECT_EQ(other.close(), 0u);
  EXPECT_EQ(arena.used(), 4096u + 128);
}

TEST(Stretch, WhatDoesNotFitOpensAnother) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  Stretch stretch(arena, 1024, 256);
  for (std::uint64_t at = 0; at < 960; at += 64) EXPECT_EQ(stretch.allocate(64), at);
  EXPECT_EQ(arena.allocate(64), 1024u) << "another's";
  EXPECT_EQ(stretch.allocate(128), 1088u) << "64 bytes of the first stretch are not enough";
  EXPECT_EQ(stretch.allocate(129), 1088u + 128) << "it is there already";
  EXPECT_EQ(stretch.allocate(1000), 2112u) << "large: by itself";
  EXPECT_EQ(stretch.allocate(64), 1088u + 320) << "and the stretch goes on";
  EXPECT_EQ(arena.used(), 2112u + 1024);
  EXPECT_EQ(stretch.close(), 64u + 1024 - 384);
}

TEST(Stretch, ABlockThatIsLargerThanAStretch) {
  mem::Arena<base::Atomic> arena;
  ASSERT_TRUE(arena.ensure(4096));
  mem::Stretch<base::Atomic> stretch(arena, 128, UINT64_MAX);
  EXPECT_EQ(stretch.allocate(1000), 128u) << "behind a stretch that it does not fit into";
  EXPECT_EQ(stretch.allocate(100), 0u);
}

TEST(Stretch, GrowsWhereNobodyElseHasTakenAny) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1 << 20));
  Stretch stretch(arena, 1024, 256);
  for (std::uint64_t at = 0; at < 10 * 1024; at += 192) EXPECT_EQ(stretch.allocate(192), at);
  EXPECT_EQ(stretch.close(), 0u);
  EXPECT_EQ(arena.used(), 54u * 192);
}

TEST(Stretch, OfNothingAndOfAFullArena) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(4096));
  Stretch none(arena, 0, 0);
  EXPECT_EQ(none.room().bytes, 0u);
  EXPECT_EQ(none.allocate(65), 0u);
  EXPECT_EQ(none.room().bytes, 0u);
  EXPECT_EQ(none.close(), 0u);
  Stretch large(arena, 4096, 512);
  EXPECT_EQ(large.room().bytes, 0u);
  EXPECT_EQ(large.allocate(64), 128u) << "no room for a stretch, but for the block";
  EXPECT_EQ(large.allocate(4096), Arena::kNoRoom);
  EXPECT_EQ(large.allocate(UINT64_MAX), Arena::kNoRoom);
  EXPECT_EQ(large.allocate(4096 - 192), 192u);
  EXPECT_EQ(large.allocate(1), Arena::kNoRoom);
  EXPECT_EQ(large.close(), 0u);
  EXPECT_EQ(arena.used(), 4096u);
}

// A block is written before its size is known; it stays there if it fits.
TEST(Stretch, RoomIsWhereTheNextBlockComes) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(4096));
  Stretch stretch(arena, 1024, 256);
  EXPECT_EQ(stretch.room().offset, 0u);
  EXPECT_EQ(stretch.room().bytes, 1024u);
  EXPECT_EQ(stretch.allocate(256), 0u);
  EXPECT_EQ(stretch.room().offset, 256u);
  EXPECT_EQ(stretch.room().bytes, 768u);
  EXPECT_EQ(stretch.allocate(1000), 1024u) << "large: by itself";
  EXPECT_EQ(stretch.room().bytes, 0u) << "the next one may be as large";
  EXPECT_EQ(stretch.allocate(1), 256u);
  EXPECT_EQ(stretch.room().offset, 320u);
  EXPECT_EQ(stretch.room().bytes, 704u);
}

TEST(Stretch, KeepsWhatIsInItsRoom) {
  Arena arena;
  ASSERT_TRUE(arena.ensure(1024));
  Stretch stretch(arena, 1024, UINT64_MAX);
  EXPECT_EQ(stretch.allocate(64), 0u);
  const std::uint64_t room = stretch.room().offset;
  EXPECT_EQ(stretch.allocate(2000), Arena::kNoRoom);
  stretch.keep(room, 100);
  EXPECT_EQ(stretch.allocate(64), 64u + 128);
  stretch.keep(room, 100);  // it has been left behind
  EXPECT_EQ(stretch.close(), 128u) << "holds no block";
  EXPECT_EQ(arena.used(), 256u);
}

TEST(PacketPool, PacketsComeBackClean) {
  packet::PacketPool pool(nullptr, 40, 100, 4000);
  std::set<packet::Packet*> packets;
  for (int i = 0; i < 3000; ++i) packets.insert(pool.allocate());
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
  packet::Packet* const again = pool.allocate();
  EXPECT_TRUE(packets.contains(again));
  EXPECT_EQ(again->transaction_id, 0u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(again->context()[i], std::byte{0});
}

TEST(PacketPool, WhatOthersFreeDuringARestoreTakesNoSendsPlace) {
  packet::PacketPool pool(nullptr, 40, 100, 1);
  pool.begin_restore(1);
  pool.release(pool.allocate_to_restore(), false);
  EXPECT_NE(pool.allocate(), nullptr);
  pool.end_restore();
  EXPECT_EQ(pool.allocate(), nullptr);
}

TEST(PacketPool, WhatIsPreparedForARestoreHasItsPages) {
  constexpr std::uint32_t kPackets = 500;
  packet::PacketPool pool(nullptr, 40, 100, 1);
  ASSERT_TRUE(pool.prepare(kPackets));
  ASSERT_TRUE(pool.prepare(kPackets)) << "they are ready already";
  EXPECT_EQ(pool.outstanding(), 0u);
  pool.begin_restore(kPackets);
  std::set<packet::Packet*> packets;
  for (std::uint32_t i = 0; i < kPackets; ++i) packets.insert(pool.allocate_to_restore());
  pool.end_restore();
  const std::size_t stride = packet::packet_stride(40, 100);
  auto* const first = reinterpret_cast<std::byte*>(*packets.begin());
  EXPECT_EQ(reinterpret_cast<std::byte*>(*packets.rbegin()), first + (kPackets - 1) * stride) << "of one slab";
  constexpr std::size_t kPage = 4096;
  std::vector<unsigned char> resident((kPackets * stride + kPage - 1) / kPage);
  ASSERT_EQ(mincore(first, kPackets * stride, resident.data()), 0);
  EXPECT_TRUE(std::ranges::all_of(resident, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(PacketPool, ARestoreHasWhatIsReadyToItself) {
  constexpr std::uint32_t kSends = 3;
  packet::PacketPool pool(nullptr, 40, 100, kSends);
  std::set<packet::Packet*> packets{pool.allocate(), pool.allocate()};
  for (packet::Packet* const packet : packets) pool.release(packet);
  pool.begin_restore(100);
  packet::Packet* const sent = pool.allocate();  // somebody else's
  EXPECT_FALSE(packets.contains(sent));
  packets.insert(sent);
  for (int i = 0; i < 102; ++i) packets.insert(pool.allocate_to_restore());
  EXPECT_EQ(packets.size(), 103u) << "those of before are among them";
  for (packet::Packet* const packet : packets) {
    if (packet != sent) pool.becomes_incoming(*packet, true);
  }
  std::vector<packet::Packet*> outgoing;
  for (std::uint32_t i = 1; i < kSends; ++i) {
    outgoing.push_back(pool.allocate_to_restore());
    pool.becomes_outgoing(true);
  }
  EXPECT_EQ(pool.allocate(), nullptr) << "every send has its packet";
  for (const bool by_restorer : {true, false}) pool.release(pool.allocate_to_restore(), by_restorer);
  pool.end_restore();
  EXPECT_EQ(pool.outstanding(), packets.size() + outgoing.size());
  EXPECT_EQ(pool.allocate(), nullptr) << "likewise";
  pool.release(outgoing.back());
  EXPECT_NE(pool.allocate(), nullptr);
  EXPECT_EQ(pool.allocate(), nullptr) << "a packet of the guest's takes no send's place";
}

}  // namespace
}  // namespace vmbsave
