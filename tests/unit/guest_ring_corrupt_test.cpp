// What another side may have written into a VMBus ring: nothing of it is believed.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

#include "unit/guest_ring_fixture.hpp"

namespace vmbsave::guest::test {
namespace {

// One packet at `offset` with a payload of 64 bytes, for each corruption to damage. GPA-direct: two ranges of 3 and 1
// pages, ranges at 24, payload at 72.
struct Corruption {
  const char* name;
  bool gpa_direct;
  std::function<void(TestRing&)> damage;
};

constexpr std::uint32_t kOffset = 4096 - 32;  // so that the packet wraps around

template <class T>
std::function<void(TestRing&)> poke(std::uint32_t at, T value) {
  return [at, value](TestRing& ring) {
    for (std::uint32_t i = 0; i < sizeof value; ++i) {
      std::memcpy(ring.data() + (kOffset + at + i) % ring.data_bytes(), reinterpret_cast<const char*>(&value) + i, 1);
    }
  };
}

std::function<void(TestRing&)> write_index(std::uint32_t value) {
  return [value](TestRing& ring) { ring.control().write_index.store_relaxed(value); };
}

const Corruption kCorruptions[] = {
    {"WriteIndexUnaligned", false, write_index(kOffset + 4)},
    {"WriteIndexAtTheEnd", false, write_index(4096)},
    {"WriteIndexBeyond", false, write_index(0xFFFF'FFF8)},
    {"WriteIndexInsideTheDescriptor", false, write_index(kOffset + 8)},
    {"WriteIndexAfterTheDescriptor", false, write_index(kOffset + 16)},
    {"WriteIndexBeforeTheFooter", false, write_index((kOffset + 80) % 4096)},
    {"LengthZero", false, poke<std::uint16_t>(4, 0)},
    {"LengthOfHalfADescriptor", false, poke<std::uint16_t>(4, 1)},
    {"LengthBelowThePayload", false, poke<std::uint16_t>(2, 11)},
    {"LengthOneMore", false, poke<std::uint16_t>(4, 11)},
    {"LengthOneLess", false, poke<std::uint16_t>(4, 9)},
    {"LengthMost", false, poke<std::uint16_t>(4, 0xFFFF)},
    {"OffsetZero", false, poke<std::uint16_t>(2, 0)},
    {"OffsetInsideTheDescriptor", false, poke<std::uint16_t>(2, 1)},
    {"OffsetMost", false, poke<std::uint16_t>(2, 0xFFFF)},
    {"TypeZero", false, poke<std::uint16_t>(0, 0)},
    {"TypeTransferPages", false, poke<std::uint16_t>(0, 7)},
    {"TypeGpadl", false, poke<std::uint16_t>(0, 8)},
    {"TypeCancel", false, poke<std::uint16_t>(0, 0xA)},
    {"TypeMost", false, poke<std::uint16_t>(0, 0xFFFF)},
    {"UnknownFlag", false, poke<std::uint16_t>(6, 2)},
    {"UnknownHighFlag", false, poke<std::uint16_t>(6, 0x8001)},
    {"FooterOffsetOfAnother", false, poke<std::uint32_t>(84, kOffset - 8)},
    {"FooterOffsetMost", false, poke<std::uint32_t>(84, 0xFFFF'FFFF)},
    {"InBandSaidToBeGpaDirect", false, poke<std::uint16_t>(0, 9)},
    {"NoRange", true, poke<std::uint32_t>(20, 0)},
    {"OneRangeMore", true, poke<std::uint32_t>(20, 3)},
    {"MostRanges", true, poke<std::uint32_t>(20, 0xFFFF'FFFF)},
    {"RangesInsideTheHeader", true, poke<std::uint16_t>(2, 2)},
    {"RangesCutInTheCount", true, poke<std::uint16_t>(2, 3)},
    {"RangesCutInARange", true, poke<std::uint16_t>(2, 8)},
    {"ByteCountZero", true, poke<std::uint32_t>(24, 0)},
    {"ByteCountOfOnePageMore", true, poke<std::uint32_t>(64 - 8, 4097)},
    {"ByteCountMost", true, poke<std::uint32_t>(24, 0xFFFF'FFFF)},
    {"ByteOffsetOfAPage", true, poke<std::uint32_t>(28, 4096)},
    {"ByteOffsetMost", true, poke<std::uint32_t>(28, 0xFFFF'FFFF)},
};

class CorruptRing : public testing::TestWithParam<Corruption> {};

TEST_P(CorruptRing, IsRefused) {
  const Corruption& corruption = GetParam();
  TestRing ring(2);
  ring.move_to(kOffset);
  const std::uint64_t pages[] = {0x11, 0x22, 0x33};
  const GpaRange ranges[] = {{8192, 0x10, pages}, {4096, 0, std::span(pages).first(1)}};
  const Bytes payload = pattern(64, 1);
  OutgoingPacket packet{.transaction_id = 1, .payload = payload};
  if (corruption.gpa_direct) {
    packet.type = PacketType::kDataUsingGpaDirect;
    packet.ranges = ranges;
  }
  ASSERT_EQ(ring.writer.put(packet).status, Status::kWritten);
  ASSERT_EQ(ring.peek(), PeekStatus::kPacket) << "sound before it was damaged";
  corruption.damage(ring);
  EXPECT_EQ(ring.peek(), PeekStatus::kMalformed);
  ring.reader.consume();
  EXPECT_EQ(ring.control().read_index.load_relaxed(), kOffset) << "nothing is taken";
}

INSTANTIATE_TEST_SUITE_P(Ring, CorruptRing, testing::ValuesIn(kCorruptions),
                         [](const auto& test) { return std::string(test.param.name); });

// Every word of a packet in turn, with values that matter somewhere. Refused or not: nothing beyond the copy is given.
TEST(Ring, AnyWordMayHoldAnything) {
  const std::uint16_t values[] = {0, 1, 2, 3, 7, 8, 9, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF};
  const std::uint64_t pages[] = {0x11, 0x22, 0x33};
  const GpaRange ranges[] = {{8192, 0x10, pages}, {4096, 0, std::span(pages).first(1)}};
  const Bytes payload = pattern(64, 1);
  for (std::uint32_t at = 0; at < 144; at += 2) {
    for (const std::uint16_t value : values) {
      TestRing ring(2);
      ring.move_to(kOffset);
      ring.writer.put({.type = PacketType::kDataUsingGpaDirect, .payload = payload, .ranges = ranges});
      poke(at, value)(ring);
      ParsedPacket packet;
      if (ring.reader.peek(packet) != PeekStatus::kPacket) continue;
      const auto copy = std::as_bytes(std::span(ring.copy));
      for (const auto part : {packet.payload, packet.gpa_ranges}) {
        if (part.empty()) continue;
        ASSERT_TRUE(part.data() >= copy.data() && part.data() + part.size() <= copy.data() + copy.size());
      }
    }
  }
}

// In memory of exactly its length, for the address sanitizer.
TEST(Ring, ParserReadsNothingBeyondTheCopy) {
  for (std::uint16_t length8 = 3; length8 < 12; ++length8) {
    for (std::uint16_t offset8 = 2; offset8 <= length8; ++offset8) {
      std::vector<std::uint64_t> copy(length8, 0x10'0000'0001);  // as a range: one byte at 16 of one page
      copy[2] = std::uint64_t{1} << 32;                          // one range
      const PacketDescriptor descriptor{9, offset8, length8, 0, 1};
      std::memcpy(copy.data(), &descriptor, sizeof descriptor);
      ParsedPacket packet;
      const bool sound = offset8 >= 5;
      EXPECT_EQ(parse_packet(std::as_bytes(std::span(copy)), packet), sound) << length8 << " " << offset8;
    }
  }
}

TEST(Ring, ExtraHeaderBytesOfAPacketAreSkipped) {
  TestRing ring(2);
  ring.move_to(kOffset);
  ring.put(1, pattern(64, 1));
  poke<std::uint16_t>(2, 4)(ring);
  ParsedPacket packet;
  ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
  EXPECT_EQ(packet.payload.size(), 48u);
  EXPECT_EQ(to_bytes(packet.payload)[0], pattern(64, 1)[16]);
}

TEST(Ring, ReadIndexThatNoReaderLeavesIsNotBelieved) {
  for (const std::uint32_t index : {0xFFFF'FFFFu, 4096u, 12u, 2000u, 2u}) {
    TestRing ring(2);
    ASSERT_TRUE(ring.writer.reserve(ring_bytes(100)));
    ASSERT_EQ(ring.put(1, pattern(1000, 1)).status, Status::kWritten);
    ring.control().read_index.store_relaxed(index);
    EXPECT_EQ(ring.put(2, pattern(3000, 1)).status, Status::kFull);
    EXPECT_TRUE(ring.writer.broken()) << index;
    const Bytes result = pattern(100, 1);
    EXPECT_EQ(ring.writer.put_reserved(ring_bytes(100), {.payload = result}).status, Status::kWritten)
        << "what was set aside stays writable";
  }
}

TEST(Ring, ReadIndexNeverGoesBack) {
  TestRing ring(2);
  for (std::uint64_t i = 0; i < 3; ++i) ring.put(i, pattern(1000, 1));
  for (std::uint64_t i = 0; i < 2; ++i) ring.expect(i, pattern(1000, 1));
  EXPECT_EQ(ring.writer.free_bytes(), 4088u - 1024u);
  ring.control().read_index.store_relaxed(1024);
  EXPECT_EQ(ring.writer.free_bytes(), 4088u - 1024u);
  EXPECT_TRUE(ring.writer.broken());
}

TEST(Ring, EndsRefuseToAttachToNonsense) {
  for (const std::uint32_t index : {4096u, 4u, 0xFFFF'FFF8u}) {
    TestRing ring(2);
    ring.control().read_index.store_relaxed(index);
    EXPECT_FALSE(ring.reader.attach());
    EXPECT_FALSE(ring.writer.attach());
    EXPECT_FALSE(ring.writer.reserve(24));
    ring.control().read_index.store_relaxed(0);
    ring.control().write_index.store_relaxed(index);
    EXPECT_FALSE(ring.writer.attach());
    EXPECT_EQ(ring.put(1, {}).status, Status::kFull);
  }
}

TEST(Ring, HostilePendingSendSizeIsOnlyASignalMore) {
  TestRing ring(2);
  for (const std::uint32_t pending : {1u, 0xFFFF'FFFFu, 4089u}) {
    ring.put(1, {});
    ring.control().pending_send_size.store_relaxed(pending);
    ASSERT_EQ(ring.peek(), PeekStatus::kPacket);
    EXPECT_EQ(ring.reader.consume(), pending == 1);
  }
}

}  // namespace
}  // namespace vmbsave::guest::test
