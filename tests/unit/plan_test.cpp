#include "save/plan.hpp"

#include <gtest/gtest.h>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

// A VM with so many packets on each channel, frozen, and its plan.
struct Planned {
  explicit Planned(const std::vector<unsigned>& packets, bool concurrent = true)
      : vm(static_cast<unsigned>(packets.size()), {.concurrent_callbacks = concurrent}) {
    for (std::size_t c = 0; c < packets.size(); ++c) receive(vm[c], packets[c]);
    build();
  }
  // One channel with serial callbacks, and others that are not.
  Planned(unsigned serial_packets, const std::vector<unsigned>& packets)
      : vm(0), serial(std::make_unique<TestChannel>(vm.vm, packet::ChannelConfig{})) {
    receive(*serial, serial_packets);
    for (const unsigned count : packets) {
      others.push_back(std::make_unique<TestChannel>(vm.vm, packet::ChannelConfig{.concurrent_callbacks = true}));
      receive(*others.back(), count);
    }
    build();
  }
  ~Planned() { cut.thaw(vm.vm, EndMode::kResume); }

  static void receive(TestChannel& channel, unsigned packets) {
    for (unsigned i = 0; i < packets; ++i) channel.receive(i, 1);
  }

  void build() {
    cut.prepare(vm.vm);
    cut.freeze(vm.vm);
    EXPECT_TRUE(cut.await_transit(vm.vm, [] { return true; }));
    plan.prepare(vm.vm.channels().size(), 10'000, 10'000);
    EXPECT_EQ(plan.build(vm.vm, cut), Status::kSuccess);
  }

  TestVm vm;
  std::unique_ptr<TestChannel> serial;
  std::vector<std::unique_ptr<TestChannel>> others;
  save::Cut<base::Atomic> cut;
  save::Plan plan;
};

TEST(Plan, OneBlockForEachThreeFullWords) {
  const Planned p({0, 1, 21, 64, 190});
  ASSERT_EQ(p.plan.streams.size(), 5u);
  EXPECT_EQ(p.plan.blocks.size(), 0u + 1 + 1 + 2 + 4);
  EXPECT_EQ(p.plan.packets(), 276u);
  std::uint32_t first = 0;
  for (const save::Block& block : p.plan.blocks) {
    EXPECT_EQ(block.first, first);
    unsigned members = 0;
    p.plan.for_each_word(block, [&](const save::CutWord& word) { members += sync::count_slots(word.members); });
    EXPECT_EQ(block.count, members);
    EXPECT_LE(block.count, image::kBlockPackets);
    first += block.count;
  }
  EXPECT_EQ(p.plan.streams[3].packets, 64u);
  EXPECT_EQ(p.plan.streams[3].blocks, 2u);
  EXPECT_EQ(p.plan.streams[3].first_packet, 22u);
  EXPECT_EQ(p.plan.blocks[p.plan.streams[3].first_block].ordinal, 1u);
}

// Words that hold few packets share a block, as long as it holds them all; channels do not, and what the VSP sends
// has blocks of its own.
TEST(Plan, SparseWordsShareABlock) {
  TestVm vm(2, {.capacity = 21 * 12, .sends = 21 * 2});
  std::vector<packet::Packet*> packets;
  for (unsigned i = 0; i < 21 * 12; ++i) packets.push_back(vm[0].receive(i, 1));
  const unsigned kept[12] = {10, 11, 21, 21, 1, 0, 20, 21, 21, 2, 15, 0};
  for (unsigned i = 0; i < 21 * 12; ++i) {
    if (i % 21 < kept[i / 21]) continue;
    ASSERT_EQ(vm[0].complete(packets[i]), Status::kSuccess);
  }
  for (unsigned i = 0; i < 2; ++i) {
    packet::Packet* const packet = vm[0]->allocate();
    ASSERT_NE(packet, nullptr);
    ASSERT_EQ(vm[0]->claim_send(*packet), packet::ClaimStatus::kClaimed);
    vm[0]->publish_send(*packet);
  }
  vm[1].receive(1, 1);
  save::Cut<base::Atomic> cut;
  cut.prepare(vm.vm);
  cut.freeze(vm.vm);
  EXPECT_TRUE(cut.await_transit(vm.vm, [] { return true; }));
  save::Plan plan;
  plan.prepare(2, 100, 1000);
  EXPECT_EQ(plan.build(vm.vm, cut), Status::kSuccess);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> blocks;  // words and packets
  for (const save::Block& block : plan.blocks) blocks.emplace_back(block.words, block.count);
  EXPECT_EQ(blocks, (decltype(blocks){{4, 63}, {4, 63}, {2, 17}, {1, 2}, {1, 1}}));
  EXPECT_TRUE(plan.blocks[3].is_send);
  EXPECT_EQ(plan.packets(), 63u + 63 + 17 + 2 + 1);
  plan.place();
  for (save::Block& block : plan.blocks) block.due = false;
  EXPECT_TRUE(plan.valid());
  ++plan.blocks[0].words;
  EXPECT_FALSE(plan.valid()) << "a block has a word too many";
  cut.thaw(vm.vm, EndMode::kResume);
}

// The blocks of each unit, in order.
std::vector<std::uint32_t> unit_sizes(const save::Plan& plan) {
  std::vector<std::uint32_t> sizes;
  std::uint32_t next = 0;
  for (const save::Unit& unit : plan.units) {
    EXPECT_EQ(unit.first_block, next) << "every block is in one unit";
    next = unit.last_block;
    sizes.push_back(next - unit.first_block);
  }
  EXPECT_EQ(next, plan.blocks.size());
  return sizes;
}

TEST(Plan, AUnitIsAFewBlocksOrAWholeChannel) {
  using Sizes = std::vector<std::uint32_t>;
  const unsigned most = save::kBlocksAtOnce;
  EXPECT_EQ(unit_sizes(Planned({64, 0, 30}, true).plan), (Sizes{2 + 1}));
  EXPECT_EQ(unit_sizes(Planned({30, image::kBlockPackets * 2 * most}, true).plan), (Sizes{most, most, 1}));
  EXPECT_EQ(unit_sizes(Planned({64, 0, 30, image::kBlockPackets * 2 * most}, false).plan), (Sizes{2, 1, 2 * most}));
}

// A channel with serial callbacks does not make the units of the others smaller, and shares none with them.
TEST(Plan, UnitsOfBothKindsOfChannels) {
  using Sizes = std::vector<std::uint32_t>;
  const unsigned most = save::kBlocksAtOnce;
  EXPECT_EQ(unit_sizes(Planned(63 * 3, {63 * 2, 63 * most}).plan), (Sizes{3, most, 2}));
}

TEST(Plan, PlacesAreContiguousAndAligned) {
  Planned p({5, 0, 2100});
  for (save::Block& block : p.plan.blocks) block.body_bytes = block.count * 48;
  p.plan.place();
  EXPECT_TRUE(p.plan.is_contiguous());
  for (const save::Block& block : p.plan.blocks) EXPECT_EQ(block.offset % image::kChunkAlignment, 0u);
  EXPECT_EQ(p.plan.streams[0].offset, image::kImageChunkBytes);
  EXPECT_EQ(p.plan.streams[2].offset - p.plan.streams[1].offset, image::kChannelChunkBytes + 64) << "no packets";
  EXPECT_EQ(p.plan.image_bytes, p.plan.end_offset + image::kEndChunkBytes);
  EXPECT_FALSE(p.plan.valid()) << "every block is still due";
  for (save::Block& block : p.plan.blocks) block.due = false;
  EXPECT_TRUE(p.plan.valid());
  ++p.plan.image_bytes;
  EXPECT_FALSE(p.plan.valid());
  ++p.plan.blocks[1].offset;
  EXPECT_FALSE(p.plan.is_contiguous());
}

TEST(Plan, TheFrameComesFirstAndDoesNotDependOnStates) {
  Planned p({5, 0, 2100});
  const std::uint64_t bytes = p.plan.place_frame();
  EXPECT_EQ(p.plan.streams[0].offset, image::kImageChunkBytes);
  EXPECT_EQ(p.plan.streams[0].directory_offset, image::kImageChunkBytes + image::kChannelChunkBytes);
  EXPECT_EQ(p.plan.streams[1].offset, p.plan.streams[0].directory_offset + image::directory_bytes(5));
  EXPECT_EQ(p.plan.end_offset, p.plan.streams[2].directory_offset + image::directory_bytes(2100));
  EXPECT_EQ(bytes, p.plan.end_offset + image::kEndChunkBytes);
}

TEST(Plan, DirectoryChunksHold1024Entries) {
  EXPECT_EQ(image::directory_bytes(0), 64u);
  EXPECT_EQ(image::directory_bytes(1), 128u);
  EXPECT_EQ(image::directory_bytes(1024), 64u + 8192u);
  EXPECT_EQ(image::directory_bytes(1025), 64u + 8192u + 128u);
  EXPECT_EQ(image::directory_chunks(0), 1u);
  EXPECT_EQ(image::directory_chunks(1024), 1u);
  EXPECT_EQ(image::directory_chunks(1025), 2u);
}

TEST(Plan, MorePacketsThanASaveHoldsAreRefused) {
  const std::uint32_t each = image::kMaxPackets / 2 + 1;
  TestVm vm(2, {.capacity = each, .result_bytes = 1});
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::uint32_t i = 0; i < each; ++i) ASSERT_NE(vm[c].receive(i, 0), nullptr);
  }
  EXPECT_EQ(vm.session.begin({}), Status::kQuotaExceeded);
  EXPECT_EQ(vm.in_use(), 2u * each);
  EXPECT_EQ(vm[0].complete(vm[0]->packet_at(0)), Status::kSuccess) << "the channels go on";
  EXPECT_EQ(vm.session.begin({}), Status::kQuotaExceeded) << "one too many";
  EXPECT_EQ(vm[1].complete(vm[1]->packet_at(0)), Status::kSuccess);
  EXPECT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(vm.session.report().packets, image::kMaxPackets);
  vm.session.end(EndMode::kResume);
}

}  // namespace
}  // namespace vmbsave::test
