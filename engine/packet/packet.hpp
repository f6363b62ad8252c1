// packet.hpp: one packet object. The VSP's client context lies directly behind it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

// The C face's opaque handle types; a packet's handle is its address.
struct VMBCHANNEL__;
struct VMBPACKET__;

namespace vmbsave::packet {

enum class Direction : std::uint8_t { kIncoming = 0, kOutgoing = 1 };

// Who owns the object's memory, and so where it goes when the packet is done.
enum class Origin : std::uint8_t {
  kSlot = 0,       // belongs to a slot of the table: an incoming packet
  kAllocated = 1,  // from the channel's pool: allocated by the VSP
  kPooled = 2,     // in the pool: nobody's
};

struct alignas(base::kCacheLine) Packet {
  std::uint64_t transaction_id = 0;
  std::uint64_t sequence = 0;           // order of arrival within the channel
  void* channel = nullptr;              // the Channel; opaque here because packets lie below channels
  void* pointer = nullptr;              // the VSP's (VmbPacketSetPointer)
  const void* external_data = nullptr;  // the guest pages it describes, opaque to the engine
  Packet* next_free = nullptr;          // in a pool's free list
  std::uint32_t slot = 0;               // while in use
  std::uint32_t result_bytes = 0;       // of the completion, once done
  Direction direction = Direction::kIncoming;
  Origin origin = Origin::kSlot;
  bool completion_requested = false;
  bool in_use = false;  // for misuse checks at the C face only; the table holds the truth
  std::uint32_t reserved = 0;

  std::byte* context() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};
static_assert(sizeof(Packet) == base::kCacheLine, "one line, so that a save touches one before the VSP's own");

inline VMBPACKET__* to_handle(Packet* packet) noexcept { return reinterpret_cast<VMBPACKET__*>(packet); }
inline Packet* from_handle(VMBPACKET__* handle) noexcept { return reinterpret_cast<Packet*>(handle); }

// Bytes from one packet to the next in an array of packets.
constexpr std::size_t packet_stride(std::uint32_t context_bytes) noexcept {
  return sizeof(Packet) + base::align_up(context_bytes, base::kCacheLine);
}

}  // namespace vmbsave::packet
