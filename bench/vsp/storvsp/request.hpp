// The VSP's own record of a request in use, and the checks that a request passes before anybody uses it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vmbsave/kmcl_ext.h"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::storvsp {

// Client context of a packet. Written before the request goes to the backend and only read from then on, so that a save
// may look at it while the backend completes the packet. What a save needs comes first: 64 bytes plus the pages in use.
struct PacketContext {
  std::uint64_t transaction_id;
  std::uint32_t range_words;  // 64-bit words of `range` in use: 1 + pages, or 0 for a request without data
  ScsiRequest request;        // length 0: the guest's packet was malformed, no request is behind it
  GpaRange range;
};
static_assert(offsetof(PacketContext, range) == 64);

inline PacketContext& context_of(VMBPACKET packet) {
  return *static_cast<PacketContext*>(VmbsPacketGetClientContext(packet));
}

inline bool has_request(const PacketContext& context) { return context.request.length != 0; }

// Pages that a range touches; 0 if it is not a range that this protocol allows.
std::uint32_t valid_pages(std::uint32_t byte_offset, std::uint32_t byte_count);

// A request that may be carried out: sizes within its fields, and no more data than its range holds.
bool is_valid(const PacketContext& context);

// Copies a guest's packet into the context. If it is malformed, has_request is false afterwards. False: its pages must
// be paged in first, and ProcessPacket is called for it again.
bool receive_request(VMBPACKETCOMPLETION packet, const void* buffer, std::uint32_t length, std::uint32_t flags,
                     PacketContext& context);

}  // namespace vmbsave::storvsp
