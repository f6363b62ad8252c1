// packet_context.hpp: what netvsp keeps of a packet, of either direction.
#pragma once

#include <atomic>
#include <cstdint>

#include "vmbsave/kmcl_ext.h"
#include "vsp/netvsp/wire.hpp"

namespace vmbsave::netvsp {

enum class PacketKind : std::uint32_t {
  kMalformed = 0,  // a packet of the guest's that is no transmit: it has no state. A zeroed context is one
  kTransmit = 1,
  kReceive = 2,
};

// As they are saved.
enum class TransmitStatus : std::uint32_t { kInFlight = 0, kSent = 1, kDropped = 2 };

// Client context of a packet. Written before the packet can be saved (by ProcessPacket, or before VmbPacketSend), and
// only read from then on: but for the status of a transmit, which is settled once, at any time.
struct PacketContext {
  PacketKind kind;
  TransmitStatus status;        // kTransmit
  std::uint32_t first_section;  // kReceive: where the message lies in the receive buffer
  std::uint32_t sections;

  // Relaxed, as is settle: the value stands alone, nothing is published with it. A save sees the old one or the new
  // one, and both were true at its cut or after it; completing the packet orders all else.
  TransmitStatus load_status() const {
    return std::atomic_ref(const_cast<TransmitStatus&>(status)).load(std::memory_order_relaxed);
  }

  // The first status counts. By the thread that completes the packet, or before it.
  void settle(TransmitStatus settled) {
    if (load_status() == TransmitStatus::kInFlight) {
      std::atomic_ref(status).store(settled, std::memory_order_relaxed);
    }
  }
};
static_assert(sizeof(PacketContext) == 16);

inline PacketContext& context_of(VMBPACKET packet) {
  return *static_cast<PacketContext*>(VmbsPacketGetClientContext(packet));
}

}  // namespace vmbsave::netvsp
