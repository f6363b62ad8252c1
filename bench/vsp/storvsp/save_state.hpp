// What SavePacket keeps of a request: the layout in README.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vsp/storvsp/request.hpp"

namespace vmbsave::storvsp {

// Followed by range_words 64-bit words of GpaRange and then by the 52 request bytes.
struct StateHead {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t size;  // of the whole state
  std::uint64_t transaction_id;
  std::uint64_t range_words;
};
static_assert(sizeof(StateHead) == 24);
static_assert(offsetof(StateHead, magic) == 0);
static_assert(offsetof(StateHead, version) == 4);
static_assert(offsetof(StateHead, size) == 6);
static_assert(offsetof(StateHead, transaction_id) == 8);
static_assert(offsetof(StateHead, range_words) == 16);

inline constexpr std::uint32_t kStateMagic = 0x50535653;  // "SVSP"
inline constexpr std::uint16_t kStateVersion = 1;

constexpr std::uint32_t state_bytes(std::uint32_t range_words) {
  return static_cast<std::uint32_t>(sizeof(StateHead) + sizeof(ScsiRequest)) + 8 * range_words;
}
inline constexpr std::uint32_t kMaxStateBytes = state_bytes(1 + kMaxPages);
static_assert(kMaxStateBytes <= UINT16_MAX);

// Writes state_bytes(context.range_words) bytes.
void write_state(const PacketContext& context, void* out);

// Reads a state from an image, which nobody vouches for. False: refused, and the context is not to be used.
bool read_state(const void* state, std::uint32_t size, PacketContext& context);

}  // namespace vmbsave::storvsp
