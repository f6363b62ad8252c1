// A VMBus ring by itself: its bytes, what it holds, when it signals.
#include <gtest/gtest.h>

#include <cstring>

#include "unit/guest_ring_fixture.hpp"

namespace vmbsave::guest::test {
namespace {

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

}  // namespace
}  // namespace vmbsave::guest::test
