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
  kCaller = 3,     // memory of the VSP's own (VmbPacketInitialize)
};

// A sequence number is the order of arrival within a channel; those of outgoing packets have the top bit, and follow.
inline constexpr std::uint64_t kFirstSend = std::uint64_t{1} << 63;

using CompletionRoutine = void (*)(VMBPACKET__* packet, std::int32_t status, void* buffer, std::uint32_t bytes);

// Memory that a VSP brings is aligned as malloc's is.
struct alignas(16) Packet {
  std::uint64_t transaction_id = 0;
  std::uint64_t sequence = 0;
  void* channel = nullptr;  // the Channel; opaque here because packets lie below channels
  void* pointer = nullptr;  // the VSP's (VmbPacketSetPointer)
  union {
    const void* external_data = nullptr;   // incoming: the guest pages it describes, opaque to the engine
    CompletionRoutine completion_routine;  // outgoing
  };
  Packet* next = nullptr;        // in a pool's free list, or in the queue of packets that wait for room in the ring
  std::uint32_t slot = 0;        // while in use
  std::uint32_t data_bytes = 0;  // incoming: of the completion, once done; outgoing: of the payload
  Direction direction = Direction::kIncoming;
  Origin origin = Origin::kSlot;
  bool completion_requested = false;
  bool in_use = false;            // for misuse checks at the C face only; the table holds the truth
  bool queued = false;            // outgoing: not yet in the ring
  bool failed = false;            // incoming: its completion is not for the guest
  bool external_pending = false;  // incoming: its pages are not there yet
  bool held = false;              // incoming: completed, but there is no guest yet that could be told

  std::byte* context() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  // Behind the context of a packet that the VSP made: what it sends.
  std::byte* payload(std::uint32_t context_bytes) noexcept {
    return context() + base::align_up(context_bytes, base::kCacheLine);
  }
};
static_assert(sizeof(Packet) == base::kCacheLine, "one line, so that a save touches one before the VSP's own");

#if VMBSAVE_CHECK >= 2
// A handle of a packet of the guest's says which use of its slot it means, in the upper 16 bits, which no address of a
// process has: so that one that is kept too long is found out also when its slot is in use again, but for the packet
// that comes exactly a multiple of 65,535 packets of the channel later. Such a look may race with the arrival of the
// next packet: a VSP that makes it is wrong already.
inline constexpr unsigned kAddressBits = 48;
inline std::uintptr_t generation(const Packet& packet) noexcept {
  return packet.origin == Origin::kSlot ? static_cast<std::uintptr_t>(packet.sequence % 0xFFFF + 1) : 0;
}
inline VMBPACKET__* to_handle(Packet* packet) noexcept {
  if (packet == nullptr) return nullptr;
  return reinterpret_cast<VMBPACKET__*>(reinterpret_cast<std::uintptr_t>(packet) | generation(*packet) << kAddressBits);
}
inline Packet* from_handle(VMBPACKET__* handle) noexcept {
  constexpr std::uintptr_t kAddress = (std::uintptr_t{1} << kAddressBits) - 1;
  return reinterpret_cast<Packet*>(reinterpret_cast<std::uintptr_t>(handle) & kAddress);
}
// Whether the handle means the packet that is in the slot now.
inline bool is_current(VMBPACKET__* handle) noexcept {
  return reinterpret_cast<std::uintptr_t>(handle) >> kAddressBits == generation(*from_handle(handle));
}
#else
inline VMBPACKET__* to_handle(Packet* packet) noexcept { return reinterpret_cast<VMBPACKET__*>(packet); }
inline Packet* from_handle(VMBPACKET__* handle) noexcept { return reinterpret_cast<Packet*>(handle); }
inline bool is_current(VMBPACKET__*) noexcept { return true; }
#endif

// Bytes from one packet to the next in an array of packets, and the size of one that the VSP makes.
constexpr std::size_t packet_stride(std::uint32_t context_bytes, std::uint32_t payload_bytes = 0) noexcept {
  return sizeof(Packet) + base::align_up(context_bytes, base::kCacheLine) +
         base::align_up(payload_bytes, base::kCacheLine);
}

}  // namespace vmbsave::packet
