// bytes.hpp: sizes, alignment and overflow-safe sums.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmbsave::base {

static_assert(sizeof(void*) == 8 && std::endian::native == std::endian::little, "64-bit little-endian only");

// Fixed, not std::hardware_destructive_interference_size: it is part of layouts that a reader checks, and clang 14
// lacks the other.
inline constexpr std::size_t kCacheLine = 64;

constexpr std::uint64_t align_up(std::uint64_t bytes, std::uint64_t alignment) noexcept {
  return (bytes + alignment - 1) & ~(alignment - 1);
}

inline bool is_aligned(const void* address, std::size_t alignment) noexcept {
  return (reinterpret_cast<std::uintptr_t>(address) & (alignment - 1)) == 0;
}

}  // namespace vmbsave::base
