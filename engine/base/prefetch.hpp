// prefetch.hpp: cache lines that will be needed soon. The compiler takes a function that does nothing but fetch for one
// without effect and drops its calls; the empty asm is an effect.
#pragma once

namespace vmbsave::base {

[[gnu::always_inline]] inline void prefetch(const void* line) noexcept {
  __builtin_prefetch(line);
  __asm__ volatile("");
}

// To be written: not shared with another core.
[[gnu::always_inline]] inline void prefetch_for_write(const void* line) noexcept {
  __builtin_prefetch(line, 1);
  __asm__ volatile("");
}

}  // namespace vmbsave::base
