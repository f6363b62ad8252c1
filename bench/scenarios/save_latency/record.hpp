// record.hpp: what the library itself keeps of a packet in use, for implementations that are not the engine.
#pragma once

#include <cstdint>

#include "image/format.hpp"
#include "packet/packet.hpp"

namespace vmbsave::bench {

// The header of the packet's record, as the engine writes it for a packet that came from the guest.
inline image::LibBuf lib_buf_of(const packet::Packet& packet, std::uint32_t state_bytes) noexcept {
  return {.transaction_id = packet.transaction_id,
          .sequence = packet.sequence,
          .record_bytes = static_cast<std::uint32_t>(image::record_bytes(0, state_bytes)),
          .save_bytes = state_bytes,
          .payload_bytes = 0,
          .direction = static_cast<std::uint8_t>(packet.direction),
          .flags = packet.completion_requested ? image::kLibBufCompletionRequested : std::uint8_t{0},
          .reserved = 0};
}

}  // namespace vmbsave::bench
