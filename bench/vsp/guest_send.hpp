// guest_send.hpp: an encoded request onto a guest's ring, for whoever plays the guest of a VMBS_VSP.
#pragma once

#include <cstdint>
#include <span>

#include "vmbsave/guest.hpp"
#include "vsp/vsp.h"

namespace vmbsave::bench {

// As Guest::send; a completion is asked for.
inline bool send(guest::Guest& guest, std::uint64_t transaction_id, const VMBS_VSP_PACKET& packet) {
  const auto payload = std::as_bytes(std::span(packet.bytes, packet.length));
  if (packet.byte_count == 0) return guest.send(transaction_id, payload, true);
  const guest::GpaRange range{packet.byte_count, packet.byte_offset, {packet.pages, packet.page_count}};
  return guest.send_external(transaction_id, payload, {&range, 1}, true);
}

}  // namespace vmbsave::bench
