// checksum_kernel.hpp: XXH3 over a chunk, for the instructions that its includer is compiled for. Everything in it is
// the includer's own: inlined under a private name, because an embedding program may link another version, and because
// code for newer processors must not be taken for all others.
#pragma once

#include <cstddef>
#include <cstdint>

#define XXH_INLINE_ALL
#define XXH_NAMESPACE vmbsave_private_
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <xxhash.h>
#pragma GCC diagnostic pop

#include "image/format.hpp"

namespace vmbsave::image {
namespace {

inline std::uint64_t xxh3_of_chunk(const std::byte* chunk, std::uint64_t bytes) noexcept {
  const std::uint64_t seed = XXH3_64bits(chunk, offsetof(ChunkHeader, checksum));
  return XXH3_64bits_withSeed(chunk + sizeof(ChunkHeader), bytes - sizeof(ChunkHeader), seed);
}

}  // namespace
}  // namespace vmbsave::image
