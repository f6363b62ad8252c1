// guest_send.hpp: an encoded request onto a guest's ring, for whoever plays the guest of a VMBS_VSP.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "vmbsave/guest.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

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
