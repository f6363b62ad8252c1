#include "image/checksum.hpp"

#include "image/checksum_kernel.hpp"

namespace vmbsave::image {

std::uint64_t chunk_checksum_portable(const std::byte* chunk, std::uint64_t bytes) noexcept {
  return xxh3_of_chunk(chunk, bytes);
}

std::uint64_t chunk_checksum(const std::byte* chunk, std::uint64_t bytes) noexcept {
#if VMBSAVE_AVX2
  if (__builtin_cpu_supports("avx2")) return chunk_checksum_avx2(chunk, bytes);
#endif
  return chunk_checksum_portable(chunk, bytes);
}

}  // namespace vmbsave::image
