// Compiled for processors with AVX2; checksum.cpp looks before it calls.
#include "image/checksum.hpp"
#include "image/checksum_kernel.hpp"

namespace vmbsave::image {

std::uint64_t chunk_checksum_avx2(const std::byte* chunk, std::uint64_t bytes) noexcept {
  return xxh3_of_chunk(chunk, bytes);
}

}  // namespace vmbsave::image
