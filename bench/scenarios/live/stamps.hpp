// stamps.hpp: what is written where. Each block of 512 bytes says which one it is and which write it is of, all over,
// so that a read finds what is old, torn, or another block's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace vmbsave::bench {

inline constexpr std::uint32_t kBlockBytes = 512;
using Block = std::span<std::byte, kBlockBytes>;
using ConstBlock = std::span<const std::byte, kBlockBytes>;

// A write's number, from 1; 0: zeroes, as on a new disk.
using Generation = std::uint32_t;

void stamp(Block bytes, std::uint64_t block, Generation generation) noexcept;
// None: these bytes are no stamp of this block.
std::optional<Generation> read_stamp(ConstBlock bytes, std::uint64_t block) noexcept;
// What a read has to overwrite.
void spoil(Block bytes) noexcept;

}  // namespace vmbsave::bench
