// What SavePacket keeps of a packet: the layouts in README.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vsp/netvsp/packet_context.hpp"
#include "vsp/netvsp/rndis.hpp"

namespace vmbsave::netvsp {

struct StateHead {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t size;  // of the whole state
  std::uint64_t transaction_id;
};
static_assert(sizeof(StateHead) == 16);
static_assert(offsetof(StateHead, magic) == 0);
static_assert(offsetof(StateHead, version) == 4);
static_assert(offsetof(StateHead, size) == 6);
static_assert(offsetof(StateHead, transaction_id) == 8);

inline constexpr std::uint32_t kTransmitMagic = 0x5453564E;  // "NVST"
inline constexpr std::uint32_t kReceiveMagic = 0x5253564E;   // "NVSR"
inline constexpr std::uint16_t kStateVersion = 1;

// The head, and a 32-bit word: of a transmit its status, of a receive how many sections it has; their numbers follow.
constexpr std::uint32_t state_bytes(std::uint32_t sections) {
  return static_cast<std::uint32_t>(sizeof(StateHead)) + 4 + 4 * sections;
}
inline constexpr std::uint32_t kMaxStateBytes = state_bytes(kMaxReceiveSections);
static_assert(kMaxStateBytes <= UINT16_MAX);

// 0: the packet has no state.
inline std::uint32_t state_bytes(const PacketContext& context) {
  if (context.kind == PacketKind::kMalformed) return 0;
  return state_bytes(context.kind == PacketKind::kReceive ? context.sections : 0);
}

// Writes state_bytes(context) bytes, if those are not 0.
void write_state(const PacketContext& context, std::uint64_t transaction_id, void* out);

// Reads a state from an image, which nobody vouches for. False: refused, and the context is not to be used.
bool read_state(const void* state, std::uint32_t size, PacketContext& context, std::uint64_t& transaction_id);

}  // namespace vmbsave::netvsp
