// ring_reader.hpp: the reading end of a ring. One thread at a time; trusts nothing that the ring holds.
#pragma once

#include "guest/packet_parser.hpp"
#include "guest/ring.hpp"

namespace vmbsave::guest {

enum class PeekStatus { kPacket, kEmpty, kMalformed };

class RingReader {
 public:
  // `copy`: for one packet at a time, copy_bytes(ring) bytes, 8-byte aligned.
  RingReader(Ring ring, std::span<std::byte> copy) noexcept : ring_(ring), copy_(copy) {
    VMBSAVE_ASSERT(copy.size() >= copy_bytes(ring));
  }

  static std::size_t copy_bytes(const Ring& ring) noexcept {
    const std::uint32_t longest = kMaxPacketBytes + sizeof(PacketFooter);
    return ring.capacity() < longest ? ring.capacity() : longest;
  }

  // Takes up reading where the ring's read index says. False: it says nothing sensible, and the reader cannot be used.
  bool attach() noexcept;

  // The next packet: `packet` points into the reader's copy of it, valid until the next peek. After kPacket the
  // writer's signals are masked until kEmpty, and after kEmpty the next packet brings a signal.
  PeekStatus peek(ParsedPacket& packet) noexcept;

  // Takes the packet that the last peek gave. True: the writer waits for room, and now it has it.
  bool consume() noexcept;

 private:
  bool is_empty(std::uint32_t& write_index) noexcept;
  bool copy_packet(std::uint32_t available) noexcept;
  void mask_signals(bool masked) noexcept;

  Ring ring_;
  std::span<std::byte> copy_;
  std::uint32_t read_ = 0;    // the read index; the ring's word only tells the writer of it
  std::uint32_t peeked_ = 0;  // bytes of the packet that peek gave, with footer
  bool masked_ = false;
};

}  // namespace vmbsave::guest
