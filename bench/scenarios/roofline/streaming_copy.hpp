// streaming_copy.hpp: a copy whose stores go past the caches: the lines written are not read first, and push nothing
// out.
#pragma once

#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace vmbsave::bench {

// Both aligned to 16, bytes a multiple of 64. On other processors a plain copy.
inline void streaming_copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
#if defined(__x86_64__)
  for (std::size_t at = 0; at < bytes; at += 64) {
    const auto* const source = reinterpret_cast<const __m128i*>(from + at);
    auto* const target = reinterpret_cast<__m128i*>(to + at);
    const __m128i words[4] = {_mm_load_si128(source), _mm_load_si128(source + 1), _mm_load_si128(source + 2),
                              _mm_load_si128(source + 3)};
    for (int i = 0; i < 4; ++i) _mm_stream_si128(target + i, words[i]);
  }
  _mm_sfence();  // such stores are ordered by nothing else
#else
  std::memcpy(to, from, bytes);
#endif
}

}  // namespace vmbsave::bench
