// block_stamps.hpp: the stamps of a block of the scenario "live": in its first and its last 512 bytes, so that a write
// of which only a part arrived shows, and a check costs a fraction of a microsecond.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "scenarios/live/live_spec.hpp"
#include "scenarios/live/stamps.hpp"

namespace vmbsave::bench {

inline constexpr std::uint32_t kStampsPerBlock = kLiveBlockBytes / kBlockBytes;
inline constexpr std::uint32_t kLastStamp = kStampsPerBlock - 1;

inline Block stamp_place(std::byte* block_bytes, std::uint32_t number) noexcept {
  return Block(block_bytes + number * kBlockBytes, kBlockBytes);
}

inline void stamp_block(std::byte* bytes, std::uint64_t block, Generation generation) noexcept {
  for (const std::uint32_t i : {0u, kLastStamp}) stamp(stamp_place(bytes, i), block * kStampsPerBlock + i, generation);
}

inline void spoil_block(std::byte* bytes) noexcept {
  for (const std::uint32_t i : {0u, kLastStamp}) spoil(stamp_place(bytes, i));
}

// None: no stamps of this block, or two of different writes.
inline std::optional<Generation> read_block_stamps(std::byte* bytes, std::uint64_t block) noexcept {
  const auto first = read_stamp(stamp_place(bytes, 0), block * kStampsPerBlock);
  const auto last = read_stamp(stamp_place(bytes, kLastStamp), block * kStampsPerBlock + kLastStamp);
  return first == last ? first : std::nullopt;
}

}  // namespace vmbsave::bench
