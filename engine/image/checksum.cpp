#include "image/checksum.hpp"

// Inlined under a private name: an embedding program may link another version.
#define XXH_INLINE_ALL
#define XXH_NAMESPACE vmbsave_private_
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace vmbsave::image {

std::uint64_t chunk_checksum(const std::byte* chunk, std::uint64_t bytes) noexcept {
  const std::uint64_t seed = XXH3_64bits(chunk, offsetof(ChunkHeader, checksum));
  return XXH3_64bits_withSeed(chunk + sizeof(ChunkHeader), bytes - sizeof(ChunkHeader), seed);
}

}  // namespace vmbsave::image
