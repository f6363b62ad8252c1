// guest_ring_fixture.hpp: a VMBus ring in memory of the test's, with both its ends.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "guest/ring_reader.hpp"
#include "guest/ring_writer.hpp"

namespace vmbsave::guest::test {

using Bytes = std::vector<std::byte>;
using Status = PutResult::Status;

inline Bytes pattern(std::size_t length, std::uint64_t seed) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>((seed * 31 + i * 7) & 0xFF);
  return bytes;
}

inline Bytes padded(Bytes bytes) {
  bytes.resize(base::align_up(bytes.size(), 8));
  return bytes;
}

inline Bytes to_bytes(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

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

}  // namespace vmbsave::guest::test
