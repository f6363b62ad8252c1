// packet_limits.hpp: what vsp.h allows of a packet that encode gives, for whoever plays the guest of a VMBS_VSP.
#pragma once

#include <cstdint>

#include "vmbsave/vsp.h"

namespace vmbsave::verify {

// Whether the packet may be looked at beyond these numbers.
inline bool is_within_limits(const VMBS_VSP_PACKET& packet) noexcept {
  if (packet.length > VMBS_VSP_MAX_INLINE || packet.length % 8 != 0) return false;
  if (packet.range_count > VMBS_VSP_MAX_RANGES) return false;
  std::uint64_t pages = 0;
  for (std::uint32_t i = 0; i < packet.range_count; ++i) pages += packet.ranges[i].page_count;
  return pages <= VMBS_VSP_MAX_PAGES;
}

}  // namespace vmbsave::verify
