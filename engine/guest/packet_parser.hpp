// packet_parser.hpp: what a packet says, from a private copy of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "guest/ring_layout.hpp"

namespace vmbsave::guest {

struct ParsedPacket {
  PacketType type = PacketType::kDataInBand;
  bool completion_requested = false;
  std::uint64_t transaction_id = 0;
  std::span<const std::byte> payload;     // padded to a multiple of 8
  std::span<const std::byte> gpa_ranges;  // GPA-direct: `range_count` ranges, as on the wire
  std::uint32_t range_count = 0;
};

// Bytes of the packet, without footer; 0 if no packet has such a descriptor.
std::uint32_t packet_bytes(const PacketDescriptor& descriptor) noexcept;

// A copy of a whole packet without footer, 8-byte aligned, as long as packet_bytes() says. False: malformed.
bool parse_packet(std::span<const std::byte> copy, ParsedPacket& packet) noexcept;

}  // namespace vmbsave::guest
