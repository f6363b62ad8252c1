// A VMBus ring by itself: what it holds, when it signals, and what it refuses to read.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "guest/ring_reader.hpp"
#include "guest/ring_writer.hpp"

namespace vmbsave::guest {
namespace {

using Bytes = std::vector<std::byte>;
using Status = PutResult::Status;

Bytes pattern(std::size_t length, std::uint64_t seed) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>((seed * 31 + i * 7) & 0xFF);
  return bytes;
}

Bytes padded(Bytes bytes) {
  bytes.resize(base::align_up(bytes.size(), 8));
  return bytes;
}

Bytes to_bytes(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

// A ring of whole pages, and both its ends.
struct TestRing {
  explicit TestRing(std::uint32_t pages) : memory(pages) {
    Ring::format(span());
    EXPECT_TRUE(writer.attach());
    EXPECT_TRUE(reader.attach());
  }

  struct alignas(4096) Page {
    std::array<std::byte, 4096> bytes;
  };
  std::span<std::byte> span() { return {memory.front().bytes.data(), memory.size() * sizeof(Page)}; }
  ControlPage& control() { return Ring(span()).control(); }
  std::byte* data() { return span().data() + sizeof(ControlPage); }
  std::uint32_t data_bytes() { return static_cast<std::uint32_t>(span().size() - sizeof(ControlPage)); }

  PutResult put(std::uint64_t id, std::span<const std::byte> payload) {
    return writer.put({.transaction_id = id, .payload = payload});
  }

  // Takes one in-band packet and compares it.
  void expect(std::uint64_t id, const Bytes& payload) {
    ParsedPacket packet;
    ASSERT_EQ(reader.peek(packet), PeekStatus::kPacket);
    EXPECT_EQ(packet.type, PacketType::kDataInBand);
    EXPECT_EQ(packet.transaction_id, id);
    EXPECT_EQ(to_bytes(packet.payload), padded(payload));
    reader.consume();
  }
  PeekStatus peek() {
    ParsedPacket packet;
    return reader.peek(packet);
  }

  // Both indices at `offset`, and both ends there.
  void move_to(std::uint32_t offset) {
    control().write_index.store_relaxed(offset);
    control().read_index.store_relaxed(offset);
    ASSERT_TRUE(writer.attach());
    ASSERT_TRUE(reader.attach());
  }

  std::vector<Page> memory;
  std::vector<std::uint64_t> copy = std::vector<std::uint64_t>(RingReader::copy_bytes(Ring(span())) / 8 + 1);
  RingWriter writer{Ring(span())};
  RingReader reader{Ring(span()), std::as_writable_bytes(std::span(copy))};
};

TEST(Ring, BytesAreThoseOfTheWire) {
  TestRing ring(2);
  EXPECT_EQ(ring.control().feature_bits.load_relaxed(), 1u);
  const Bytes payload = pattern(5, 1);
  EXPECT_TRUE(ring.writer.put({.completion_requested = true, .transaction_id = 0x0102030405060708, .payload = payload})
                  .signal_reader);
  Bytes expected = {std::byte{6}, {}, std::byte{2}, {}, std::byte{3}, {}, std::byte{1}, {}};
  for (int i = 8; i >= 1; --i) expected.push_back(static_cast<std::byte>(i));
  expected.insert(expected.end(), payload.begin(), payload.end());
  expected.resize(32);  // 3 of padding, 8 of footer: reserved 0, offset 0
  EXPECT_EQ(Bytes(ring.data(), ring.data() + 32), expected);
  EXPECT_EQ(ring.control().write_index.load_relaxed(), 32u);
  EXPECT_EQ(ring.control().read_index.load_relaxed(), 0u);
  const auto second = ring.put(2, {});
  EXPECT_FALSE(second.signal_reader) << "the ring was not empty";
  std::uint32_t footer[2];
  std::memcpy(footer, ring.data() + 32 + 16, sizeof footer);
  EXPECT_EQ(footer[0], 0u);
  EXPECT_EQ(footer[1], 32u);
}

TEST(Ring, GpaDirectBytesAreThoseOfTheWire) {
  TestRing ring(2);
  const std::uint64_t pages[] = {0x11, 0x22, 0x33};
  const GpaRange ranges[] = {{8192, 0x10, pages}, {4096, 0, std::span(pages).first(1)}};
  const Bytes payload = pattern(8, 3);
  ring.writer.put({.type = PacketType::kDataUsingGpaDirect, .transaction_id = 9, .payload = payload, .ranges = ranges});
  const std::uint16_t descriptor[4] = {9, 9, 10, 0};
  const std::uint32_t counts[2] = {0, 2};
  EXPECT_EQ(std::memcmp(ring.data(), descriptor, sizeof descriptor), 0);
  EXPECT_EQ(std::memcmp(ring.data() + 16, counts, sizeof counts), 0);
  const std::uint32_t first[2] = {8192, 0x10};
  EXPECT_EQ(std::memcmp(ring.data() + 24, first, sizeof first), 0);
  EXPECT_EQ(std::memcmp(ring.data() + 32, pages, sizeof pages), 0);
  EXPECT_EQ(std::memcmp(ring.data() + 72, payload.data(), payload.size()), 0);
  EXPECT_EQ(ring.control().write_index.load_relaxed(), 88u);

  ParsedPacket packet;
  ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
  EXPECT_EQ(packet.type, PacketType::kDataUsingGpaDirect);
  EXPECT_EQ(packet.range_count, 2u);
  EXPECT_EQ(to_bytes(packet.gpa_ranges), Bytes(ring.data() + 24, ring.data() + 72));
  EXPECT_EQ(to_bytes(packet.payload), payload);
}

TEST(Ring, CompletionsAndFlagsTravel) {
  TestRing ring(2);
  ring.writer.put({.type = PacketType::kCompletion, .transaction_id = 4});
  ring.writer.put({.completion_requested = true, .transaction_id = 5});
  ParsedPacket packet;
  ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
  EXPECT_EQ(packet.type, PacketType::kCompletion);
  EXPECT_FALSE(packet.completion_requested);
  EXPECT_TRUE(packet.payload.empty());
  ring.reader.consume();
  ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
  EXPECT_TRUE(packet.completion_requested);
  EXPECT_EQ(packet.transaction_id, 5u);
}

TEST(Ring, WrapsAroundAtEveryOffset) {
  TestRing ring(2);
  const std::uint64_t pages[] = {1, 2, 3, 4, 5};
  const GpaRange range{5 * 4096 - 8, 8, pages};
  for (std::uint32_t offset = 0; offset < ring.data_bytes(); offset += 8) {
    ring.move_to(offset);
    for (const std::size_t length : {0u, 1u, 7u, 8u, 100u, 3000u}) {
      const Bytes payload = pattern(length, offset);
      ASSERT_EQ(ring.put(offset, payload).status, Status::kWritten);
      ring.expect(offset, payload);
      if (testing::Test::HasFailure()) FAIL() << "offset " << offset << ", length " << length;
    }
    const Bytes payload = pattern(40, offset);
    ring.writer.put({.type = PacketType::kDataUsingGpaDirect, .payload = payload, .ranges = {&range, 1}});
    ParsedPacket packet;
    ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket) << offset;
    ASSERT_EQ(std::memcmp(packet.gpa_ranges.data() + 8, pages, sizeof pages), 0) << offset;
    ASSERT_EQ(to_bytes(packet.payload), payload) << offset;
    ring.reader.consume();
  }
}

TEST(Ring, IsFilledButForTheLastUnit) {
  TestRing ring(2);
  for (std::uint32_t offset = 0; offset < ring.data_bytes(); offset += 504) {
    ring.move_to(offset);
    EXPECT_EQ(ring.writer.free_bytes(), 4088u);
    EXPECT_EQ(ring.put(1, pattern(4088 - 24 + 1, 1)).status, Status::kTooLong);
    const Bytes payload = pattern(4088 - 24, offset);
    ASSERT_EQ(ring.put(1, payload).status, Status::kWritten);
    EXPECT_EQ(ring.writer.free_bytes(), 0u);
    EXPECT_EQ(ring.put(2, {}).status, Status::kFull);
    ring.expect(1, payload);
    EXPECT_EQ(ring.peek(), PeekStatus::kEmpty);
    EXPECT_EQ(ring.writer.free_bytes(), 4088u);
  }
}

TEST(Ring, LongestPacketIsThatOfTheDescriptor) {
  TestRing ring(200);
  EXPECT_EQ(ring.put(1, pattern(0xFFFF * 8 - 16 + 1, 1)).status, Status::kTooLong);
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 0u) << "there will never be room";
  const Bytes payload = pattern(0xFFFF * 8 - 16, 1);
  ring.move_to(ring.data_bytes() - 4096);
  ASSERT_EQ(ring.put(1, payload).status, Status::kWritten);
  ring.expect(1, payload);
  EXPECT_FALSE(ring.writer.reserve(0xFFFF * 8 + 16));
  EXPECT_TRUE(ring.writer.reserve(0xFFFF * 8 + 8));
}

TEST(Ring, FullRingAsksForRoomAndTheReaderSaysWhenItIsThere) {
  TestRing ring(2);
  const Bytes payload = pattern(488, 1);  // 512 on the ring; 7 fit, and 504 bytes are left
  for (std::uint64_t i = 0; i < 7; ++i) ASSERT_EQ(ring.put(i, payload).status, Status::kWritten);
  EXPECT_EQ(ring.put(7, pattern(1000, 1)).status, Status::kFull);
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 1024u);
  EXPECT_EQ(ring.put(7, payload).status, Status::kFull);
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 512u) << "the smallest that somebody waits for";
  EXPECT_FALSE(ring.writer.room_came());
  ParsedPacket packet;
  ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
  EXPECT_TRUE(ring.reader.consume());
  EXPECT_TRUE(ring.writer.room_came());
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 0u);
  EXPECT_FALSE(ring.writer.room_came()) << "once";
  EXPECT_EQ(ring.put(7, payload).status, Status::kWritten);
}

TEST(Ring, RoomForTheExactSizeIsEnough) {
  TestRing ring(2);
  ASSERT_EQ(ring.put(1, pattern(1000, 1)).status, Status::kWritten);
  ASSERT_EQ(ring.put(2, pattern(4088 - 1024 - 24, 1)).status, Status::kWritten);
  EXPECT_EQ(ring.put(3, pattern(1001, 1)).status, Status::kFull);
  EXPECT_EQ(ring.peek(), PeekStatus::kPacket);
  EXPECT_FALSE(ring.reader.consume()) << "8 bytes short";
  EXPECT_EQ(ring.put(3, pattern(1001, 1)).status, Status::kFull);
  EXPECT_EQ(ring.put(3, pattern(1000, 1)).status, Status::kWritten);
}

TEST(Ring, WaiterStaysEnteredWhenSomebodyElseFindsRoom) {
  TestRing ring(2);
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_EQ(ring.put(i, pattern(1000, 1)).status, Status::kWritten);
  EXPECT_EQ(ring.put(3, pattern(1800, 1)).status, Status::kFull);
  EXPECT_EQ(ring.put(4, pattern(100, 1)).status, Status::kWritten);
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 1824u);
  EXPECT_EQ(ring.peek(), PeekStatus::kPacket);
  EXPECT_TRUE(ring.reader.consume());
  ASSERT_EQ(ring.put(5, pattern(200, 1)).status, Status::kWritten) << "takes the room before the waiter is told";
  EXPECT_FALSE(ring.writer.room_came());
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 1824u) << "and is told next time";
  EXPECT_EQ(ring.peek(), PeekStatus::kPacket);
  EXPECT_TRUE(ring.reader.consume());
  EXPECT_TRUE(ring.writer.room_came());
}

TEST(Ring, NoSignalForRoomToAWriterWithoutTheFeature) {
  TestRing ring(2);
  ring.control().feature_bits.store_relaxed(0);
  ASSERT_EQ(ring.put(1, pattern(4000, 1)).status, Status::kWritten);
  EXPECT_EQ(ring.put(2, pattern(100, 1)).status, Status::kFull);
  EXPECT_EQ(ring.peek(), PeekStatus::kPacket);
  EXPECT_FALSE(ring.reader.consume());
}

TEST(Ring, RoomSetAsideIsNobodyElses) {
  TestRing ring(2);
  ASSERT_TRUE(ring.writer.reserve(ring_bytes(1000)));
  ASSERT_TRUE(ring.writer.reserve(ring_bytes(1000)));
  EXPECT_EQ(ring.writer.reserved_bytes(), 2048u);
  EXPECT_EQ(ring.writer.free_bytes(), 2040u);
  EXPECT_EQ(ring.put(1, pattern(2041 - 24, 1)).status, Status::kFull);
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 2048u + 2048u) << "beyond what is set aside";
  EXPECT_FALSE(ring.writer.reserve(2041));
  const Bytes payload = pattern(2040 - 24, 1);
  EXPECT_EQ(ring.put(1, payload).status, Status::kWritten);
  EXPECT_EQ(ring.writer.free_bytes(), 0u);

  const Bytes result = pattern(1000, 2);
  const OutgoingPacket completion{.type = PacketType::kCompletion, .transaction_id = 2, .payload = result};
  EXPECT_EQ(ring.writer.put_reserved(ring_bytes(1000), completion).status, Status::kWritten);
  EXPECT_EQ(ring.writer.put_reserved(ring_bytes(1000), completion).status, Status::kWritten);
  EXPECT_EQ(ring.writer.reserved_bytes(), 0u);
  ring.expect(1, payload);
  for (int i = 0; i < 2; ++i) {
    ParsedPacket packet;
    ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
    EXPECT_EQ(to_bytes(packet.payload), result);
    ring.reader.consume();
  }
  EXPECT_EQ(ring.peek(), PeekStatus::kEmpty);
}

TEST(Ring, RoomGivenBackIsToldToWhoWaits) {
  TestRing ring(2);
  ASSERT_TRUE(ring.writer.reserve(2000));
  ASSERT_TRUE(ring.writer.reserve(2000));
  EXPECT_FALSE(ring.writer.release(2000)) << "nobody waits";
  ASSERT_TRUE(ring.writer.reserve(2000));
  EXPECT_EQ(ring.put(1, pattern(1000, 1)).status, Status::kFull);
  EXPECT_TRUE(ring.writer.release(2000));
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), 0u);
  EXPECT_EQ(ring.put(1, pattern(1000, 1)).status, Status::kWritten);
}

TEST(Ring, ShorterCompletionGivesTheRestBack) {
  TestRing ring(2);
  ASSERT_TRUE(ring.writer.reserve(ring_bytes(4000)));
  EXPECT_FALSE(ring.writer.reserve(ring_bytes(1000)));
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), ring_bytes(4000) + ring_bytes(1000));
  const Bytes result = pattern(64, 2);
  const PutResult sent =
      ring.writer.put_reserved(ring_bytes(4000), {.type = PacketType::kCompletion, .payload = result});
  EXPECT_EQ(sent.status, Status::kWritten);
  EXPECT_TRUE(sent.room_came);
  EXPECT_EQ(ring.writer.reserved_bytes(), 0u);
  EXPECT_EQ(ring.writer.free_bytes(), 4088u - 88u);
}

TEST(Ring, PendingSendSizeFollowsWhatIsSetAside) {
  TestRing ring(3);
  ASSERT_EQ(ring.put(1, pattern(4000, 1)).status, Status::kWritten);
  EXPECT_EQ(ring.put(2, pattern(5000, 1)).status, Status::kFull);
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), ring_bytes(5000));
  ASSERT_TRUE(ring.writer.reserve(1000));
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), ring_bytes(5000) + 1000);
  EXPECT_FALSE(ring.writer.release(1000));
  EXPECT_EQ(ring.control().pending_send_size.load_relaxed(), ring_bytes(5000));
}

TEST(Ring, SignalsOnceUntilTheReaderHasFoundNothing) {
  TestRing ring(2);
  EXPECT_TRUE(ring.put(1, {}).signal_reader);
  EXPECT_FALSE(ring.put(2, {}).signal_reader);
  ring.expect(1, {});
  EXPECT_NE(ring.control().interrupt_mask.load_relaxed(), 0u);
  ring.expect(2, {});
  EXPECT_FALSE(ring.put(3, {}).signal_reader) << "it looks by itself";
  ring.expect(3, {});
  EXPECT_EQ(ring.peek(), PeekStatus::kEmpty);
  EXPECT_EQ(ring.control().interrupt_mask.load_relaxed(), 0u);
  EXPECT_TRUE(ring.put(4, {}).signal_reader);
  ring.expect(4, {});
}

TEST(Ring, PeekTakesNothing) {
  TestRing ring(2);
  ring.put(1, pattern(16, 1));
  EXPECT_EQ(ring.peek(), PeekStatus::kPacket);
  EXPECT_EQ(ring.peek(), PeekStatus::kPacket);
  EXPECT_EQ(ring.control().read_index.load_relaxed(), 0u);
  ring.expect(1, pattern(16, 1));
  EXPECT_FALSE(ring.reader.consume()) << "nothing was peeked";
  EXPECT_EQ(ring.control().read_index.load_relaxed(), 40u);
}

TEST(Ring, EndsTakeUpWhereOthersLeft) {
  TestRing ring(2);
  for (std::uint64_t i = 0; i < 100; ++i) {
    ring.put(i, pattern(i % 50, i));
    if (i >= 10) ring.expect(i - 10, pattern((i - 10) % 50, i - 10));
    const bool again = i % 7 == 0;
    ASSERT_TRUE(!again || (ring.writer.attach() && ring.reader.attach()));
  }
}

TEST(Ring, ReadersCopyIsPrivate) {
  TestRing ring(2);
  const Bytes payload = pattern(64, 1);
  ring.put(1, payload);
  ParsedPacket packet;
  ASSERT_EQ(ring.reader.peek(packet), PeekStatus::kPacket);
  std::memset(ring.data(), 0xFF, ring.data_bytes());
  EXPECT_EQ(to_bytes(packet.payload), payload);
  ring.control().read_index.store_relaxed(0xFFFF'FFFF);
  ring.reader.consume();
  EXPECT_EQ(ring.control().read_index.load_relaxed(), 88u) << "its own index, not what lies there";
}

// ---- What another side may have written ----

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

// ---- Two threads ----

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kPackets = 50'000;
#else
constexpr std::uint64_t kPackets = 200'000;
#endif

constexpr auto kLost = std::chrono::seconds(20);  // a wake-up that has not come by then never will

std::size_t length_of(std::uint64_t id) { return id % 97 * 11 % 700; }

// Each side sleeps when it has nothing to do, and goes on only when the other side was told to signal it.
struct Sleepers {
  TestRing ring{2};
  std::counting_semaphore<> packet_came{0};
  std::counting_semaphore<> room_came{0};
  std::atomic<bool> failed{false};

  bool sleep(std::counting_semaphore<>& wake_up) {
    if (wake_up.try_acquire_for(kLost)) return !failed;
    if (!failed.exchange(true)) ADD_FAILURE() << "a wake-up was lost";
    return false;
  }

  bool wait_for_packet(ParsedPacket& packet) {
    for (;;) {
      const PeekStatus status = ring.reader.peek(packet);
      if (status == PeekStatus::kPacket) return true;
      if (status == PeekStatus::kMalformed) {
        ADD_FAILURE() << "malformed";
        return false;
      }
      if (!sleep(packet_came)) return false;
    }
  }

  // Gives how many were read.
  std::uint64_t read(std::uint64_t count, const std::function<void(const ParsedPacket&)>& check) {
    for (std::uint64_t i = 0; i < count; ++i) {
      ParsedPacket packet;
      if (!wait_for_packet(packet)) return i;
      check(packet);
      if (ring.reader.consume() && ring.writer.room_came()) room_came.release();
    }
    return count;
  }

  bool write(const OutgoingPacket& packet) {
    for (;;) {
      const PutResult result = ring.writer.put(packet);
      if (result.status == Status::kWritten) {
        if (result.signal_reader) packet_came.release();
        return true;
      }
      if (!sleep(room_came)) return false;
    }
  }
};

TEST(RingThreads, OneWriterOneReaderLoseNothingAndSleepInTime) {
  Sleepers both;
  std::thread writer([&] {
    for (std::uint64_t id = 0; id < kPackets; ++id) {
      const Bytes payload = pattern(length_of(id), id);
      if (!both.write({.transaction_id = id, .payload = payload})) return;
    }
  });
  std::uint64_t next = 0;
  const std::uint64_t count = both.read(kPackets, [&](const ParsedPacket& packet) {
    if (packet.transaction_id != next || to_bytes(packet.payload) != padded(pattern(length_of(next), next))) {
      both.failed = true;
      FAIL() << "packet " << next;
    }
    ++next;
  });
  EXPECT_EQ(count, kPackets);
  both.room_came.release();
  writer.join();
}

// As between a guest and a host that answers each packet at once: the smallest rings, of one packet each, so that every
// packet makes one side wait for room or for a packet.
TEST(RingThreads, RingOfOnePacketHandsOverEachOne) {
  Sleepers both;
  const Bytes payload = pattern(4088 - 24, 5);
  std::thread writer([&] {
    for (std::uint64_t id = 0; id < kPackets / 4; ++id) {
      if (!both.write({.transaction_id = id, .payload = payload})) return;
    }
  });
  std::uint64_t next = 0;
  EXPECT_EQ(both.read(kPackets / 4, [&](const ParsedPacket& packet) { EXPECT_EQ(packet.transaction_id, next++); }),
            kPackets / 4);
  both.room_came.release();
  writer.join();
}

// Three threads: two answer in room that was set aside, one sends beyond it. Room comes from the reader and from what
// is given back.
TEST(RingThreads, SeveralWritersShareTheRoom) {
  Sleepers both;
  constexpr std::uint64_t kEach = kPackets / 8;
  constexpr std::uint32_t kResult = 512;
  const auto told = [&](const PutResult& result) {
    if (result.signal_reader) both.packet_came.release();
    if (result.room_came) both.room_came.release(3);
  };
  const auto answer = [&](std::uint64_t first) {
    for (std::uint64_t i = 0; i < kEach; ++i) {
      while (!both.ring.writer.reserve(ring_bytes(kResult))) {
        if (!both.sleep(both.room_came)) return;
      }
      const Bytes payload = pattern(i % kResult, i);
      told(both.ring.writer.put_reserved(
          ring_bytes(kResult), {.type = PacketType::kCompletion, .transaction_id = first + i, .payload = payload}));
    }
  };
  std::thread threads[] = {std::thread(answer, 0), std::thread(answer, kEach), std::thread([&] {
                             for (std::uint64_t i = 0; i < kEach; ++i) {
                               const Bytes payload = pattern(i % 600, i);
                               if (!both.write({.transaction_id = 2 * kEach + i, .payload = payload})) return;
                             }
                           })};
  std::uint64_t next[3] = {};
  std::uint64_t got = 0;
  for (; got < 3 * kEach; ++got) {
    ParsedPacket packet;
    if (!both.wait_for_packet(packet)) break;
    const std::uint64_t from = packet.transaction_id / kEach;
    const std::uint64_t i = packet.transaction_id % kEach;
    const bool in_order = from < 3 && i == next[from]++;
    const bool is_same = to_bytes(packet.payload) == padded(pattern(i % (from == 2 ? 600 : kResult), i));
    if (!in_order || !is_same) {
      ADD_FAILURE() << "packet " << packet.transaction_id;
      both.failed = true;
      break;
    }
    if (both.ring.reader.consume() && both.ring.writer.room_came()) both.room_came.release(3);
  }
  EXPECT_EQ(got, 3 * kEach);
  both.room_came.release(1000);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(both.ring.writer.reserved_bytes(), 0u);
}

}  // namespace
}  // namespace vmbsave::guest
