#include "verify/heap.hpp"

#include <malloc.h>

#include <algorithm>

namespace vmbsave::verify {

std::uint64_t heap_in_use() noexcept {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  const struct mallinfo2 info = mallinfo2();
  return std::uint64_t{info.uordblks} + info.hblkhd;
#else
  return 0;
#endif
}

void HeapRounds::end_round() noexcept {
  const std::uint64_t now = heap_in_use();
  if (rounds_++ >= kWarm) least_ = std::min(least_, now > last_ ? now - last_ : 0);
  last_ = now;
}

}  // namespace vmbsave::verify
