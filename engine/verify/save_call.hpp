// save_call.hpp: one call of a VSP's SavePacket that the library has no part in.
#pragma once

#include <cstdint>
#include <span>

#include "packet/packet.hpp"
#include "verify/journal.hpp"
#include "verify/packet_name.hpp"
#include "verify/room.hpp"
#include "vmbsave/status.hpp"

namespace vmbsave::verify {

// A packet in use, and its channel.
struct Target {
  VMBCHANNEL channel;
  packet::Packet* packet;
  PacketName name;
};

// BytesNeeded before a second call, and so after one that did not set it.
inline constexpr std::uint32_t kUnset = 0xFFFFFFFF;

struct Answer {
  Status status = Status::kSuccess;
  std::uint32_t needed = 0;
  std::uint64_t ns = 0;
  bool threw = false;
};

// A call from inside it that must not be made is refused, as in a save. Any thread, each with its own lane. room: where
// `buffer` lies.
Answer call_save(JournalLane& lane, const Target& target, std::uint32_t attempt, const Room& room,
                 std::span<std::byte> buffer);

}  // namespace vmbsave::verify
