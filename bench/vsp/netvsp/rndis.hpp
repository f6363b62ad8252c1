// RNDIS packet messages: a frame behind a header and one per-packet info, the hash of its flow.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vsp/netvsp/wire.hpp"

namespace vmbsave::netvsp {

// Of the messages made here: everything before the frame.
inline constexpr std::uint32_t kHeadBytes = sizeof(RndisPacketHeader) + sizeof(RndisInfo) + 4;
// Of others', at most.
inline constexpr std::uint32_t kMaxHeadBytes = 256;

constexpr bool is_frame_length(std::uint32_t bytes) { return bytes != 0 && bytes <= kMaxFrameBytes; }
constexpr std::uint32_t message_bytes(std::uint32_t frame_bytes) { return kHeadBytes + frame_bytes; }

// Sub-allocations of the receive buffer that a message takes, side by side.
constexpr std::uint32_t receive_sections(std::uint32_t message_bytes) {
  return (message_bytes + kReceiveSectionBytes - 1) / kReceiveSectionBytes;
}
inline constexpr std::uint32_t kMaxReceiveSections = receive_sections(message_bytes(kMaxFrameBytes));

// Writes the message of a frame whose bytes follow from its record.
void write_message(std::byte* out, std::uint64_t record, std::uint32_t frame_bytes, std::uint64_t flow);

// Where a message has its frame.
struct Frame {
  std::uint32_t offset;
  std::uint32_t bytes;
  std::uint32_t hash;  // of its flow; 0: the message does not tell
};

// A message of exactly so many bytes, in memory that somebody else may write to meanwhile: everything is looked at in a
// copy. False: it is malformed.
bool read_message(const std::byte* message, std::uint32_t bytes, Frame& frame);

// Whether these are the record's bytes.
bool is_frame(const std::byte* frame, std::uint64_t record, std::uint32_t bytes);

}  // namespace vmbsave::netvsp
