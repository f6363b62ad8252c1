#include "harness/cache.hpp"

#include <cstdint>

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#else
#include <unistd.h>

#include <vector>
#endif

namespace vmbsave::bench {

#ifdef __x86_64__
namespace {

constexpr std::uintptr_t kLine = 64;

bool has_clflushopt() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1u << 23)) != 0;
}

// Each line that holds a byte of the span, and no other: what lies beside may not be mapped.
template <class FlushLine>
std::size_t for_each_line(std::span<const std::byte> memory, FlushLine flush_line) {
  if (memory.empty()) return 0;
  const std::byte* const last = &memory.back();
  const std::byte* line = memory.data() - reinterpret_cast<std::uintptr_t>(memory.data()) % kLine;
  std::size_t count = 0;
  for (; line <= last; line += kLine, ++count) flush_line(line);
  return count;
}

[[gnu::target("clflushopt")]] void flush_line_weakly_ordered(const std::byte* line) {
  _mm_clflushopt(const_cast<std::byte*>(line));
}

}  // namespace

std::size_t flush_from_caches(std::span<const std::span<const std::byte>> memory) {
  std::size_t count = 0;
  const bool weakly_ordered = has_clflushopt();
  _mm_mfence();  // what was written is written before it is flushed
  for (const std::span<const std::byte> span : memory) {
    if (weakly_ordered) {
      count += for_each_line(span, flush_line_weakly_ordered);
    } else {
      count += for_each_line(span, [](const std::byte* line) { _mm_clflush(line); });
    }
  }
  _mm_mfence();  // and flushed before anything is timed
  return count;
}
#else
std::size_t flush_from_caches(std::span<const std::span<const std::byte>>) {
  constexpr std::size_t kUnknownCacheBytes = 64u << 20;
  const long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
  static std::vector<std::byte> other(2 * (l3 > 0 ? static_cast<std::size_t>(l3) : kUnknownCacheBytes));
  for (std::size_t i = 0; i < other.size(); i += 64) {
    volatile std::byte* const byte = &other[i];
    *byte = *byte ^ std::byte{1};
  }
  return 0;
}
#endif

}  // namespace vmbsave::bench
