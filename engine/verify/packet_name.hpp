// packet_name.hpp: which packet something is about, in whatever VM it is now.
#pragma once

#include <compare>
#include <cstdint>

#include "packet/packet.hpp"
#include "vmbsave/verify.hpp"

namespace vmbsave::verify {

struct PacketName {
  std::uint32_t channel;
  bool outgoing;
  std::uint64_t transaction_id;
  auto operator<=>(const PacketName&) const = default;
};

inline PacketName name_of(std::uint32_t channel, const packet::Packet& packet) noexcept {
  return {channel, packet.direction == packet::Direction::kOutgoing, packet.transaction_id};
}

inline Place place_of(Call call, std::uint32_t attempt, const PacketName& name) noexcept {
  Place where;
  where.call = call;
  where.attempt = attempt;
  where.channel = name.channel;
  where.has_packet = true;
  where.outgoing = name.outgoing;
  where.transaction_id = name.transaction_id;
  return where;
}

inline Place place_of(Call call, std::uint32_t channel) noexcept {
  Place where;
  where.call = call;
  where.channel = channel;
  return where;
}

inline Place at_bytes(Place where, std::int64_t first_byte, std::uint64_t bytes) noexcept {
  where.first_byte = first_byte;
  where.bytes = bytes;
  return where;
}

}  // namespace vmbsave::verify
