// guest_send.hpp: an encoded request onto a guest's ring, for whoever plays the guest of a VMBS_VSP.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "vmbsave/guest.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

// Whether a packet that encode gave is one that vsp.h allows, and `send` can look at.
inline bool is_within_limits(const VMBS_VSP_PACKET& packet) noexcept {
  if (packet.length > VMBS_VSP_MAX_INLINE || packet.length % 8 != 0) return false;
  if (packet.range_count > VMBS_VSP_MAX_RANGES) return false;
  std::uint64_t pages = 0;
  for (std::uint32_t i = 0; i < packet.range_count; ++i) pages += packet.ranges[i].page_count;
  return pages <= VMBS_VSP_MAX_PAGES;
}

// As Guest::send; a completion is asked for.
inline bool send(guest::Guest& guest, std::uint64_t transaction_id, const VMBS_VSP_PACKET& packet) {
  const auto payload = std::as_bytes(std::span(packet.bytes, packet.length));
  if (packet.range_count == 0) return guest.send(transaction_id, payload, true);
  std::array<guest::GpaRange, VMBS_VSP_MAX_RANGES> ranges;
  const std::uint64_t* pages = packet.pages;
  for (std::uint32_t i = 0; i < packet.range_count; ++i) {
    const VMBS_VSP_RANGE& range = packet.ranges[i];
    ranges[i] = {range.byte_count, range.byte_offset, {pages, range.page_count}};
    pages += range.page_count;
  }
  return guest.send_external(transaction_id, payload, std::span(ranges).first(packet.range_count), true);
}

}  // namespace vmbsave::bench
