#include "verify/heap.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>

namespace vmbsave::verify {
namespace {

// malloc keeps some free chunks of each small size for a thread, and counts them as handed out. When it has as many as
// it keeps, it always counts the same.
void fill_cache_of_thread() noexcept {
  constexpr std::size_t kSizes = 64;
  constexpr std::size_t kKept = 7;
  constexpr std::size_t kStep = 16;
  void* volatile chunks[kSizes * kKept];
  for (std::size_t i = 0; i < kSizes * kKept; ++i) chunks[i] = std::malloc(8 + kStep * (1 + i / kKept));
  for (void* volatile& chunk : chunks) std::free(chunk);
}

}  // namespace

std::uint64_t heap_in_use() noexcept {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  const struct mallinfo2 info = mallinfo2();
  return std::uint64_t{info.uordblks} + info.hblkhd;
#else
  return 0;
#endif
}

// What goes into the cache is not overwritten.
ForgetfulHeap::ForgetfulHeap() noexcept {
  fill_cache_of_thread();
#ifdef M_PERTURB
  (void)mallopt(M_PERTURB, 0xDB);
#endif
}

ForgetfulHeap::~ForgetfulHeap() {
#ifdef M_PERTURB
  (void)mallopt(M_PERTURB, 0);
#endif
}

void HeapRounds::end_round() noexcept {
  fill_cache_of_thread();
  const std::uint64_t now = heap_in_use();
  if (rounds_++ >= kWarm) least_ = std::min(least_, now > last_ ? now - last_ : 0);
  last_ = now;
}

}  // namespace vmbsave::verify
