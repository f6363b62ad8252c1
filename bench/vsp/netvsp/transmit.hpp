// transmit.hpp: what the guest sends.
#pragma once

#include <cstdint>

#include "vmbsave/kmcl_ext.h"
#include "vsp/netvsp/packet_context.hpp"
#include "vsp/netvsp/vnic.hpp"

namespace vmbsave::netvsp {

// Looks at a guest's packet, and at what it says of the send buffer or of guest pages; kind is kTransmit or kMalformed
// afterwards. False: its pages must be paged in first, and ProcessPacket is called for it again.
bool receive_transmit(VMBPACKETCOMPLETION packet, const void* buffer, std::uint32_t length, std::uint32_t flags,
                      const Vnic& vnic, PacketContext& context);

}  // namespace vmbsave::netvsp
