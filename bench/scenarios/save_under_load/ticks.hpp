// ticks.hpp: a clock for calls of tens of nanoseconds: the processor's own counter where it runs evenly, else the
// system's clock.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace vmbsave::bench {

class Ticks {
 public:
  static const Ticks& clock();  // made at the first call, which takes 20 ms

  std::uint64_t now() const noexcept {
#if defined(__x86_64__)
    if (counter_) return __rdtsc();
#endif
    return base::now_ns();
  }
  // Around a call: what precedes is over at the first reading, and the call, its misses too, at the second.
  std::uint64_t before() const noexcept {
#if defined(__x86_64__)
    if (counter_) {
      _mm_lfence();
      return __rdtsc();
    }
#endif
    return base::now_ns();
  }
  std::uint64_t after() const noexcept {
#if defined(__x86_64__)
    if (counter_) {
      unsigned processor = 0;
      const std::uint64_t ticks = __rdtscp(&processor);
      _mm_lfence();
      return ticks;
    }
#endif
    return base::now_ns();
  }
  std::uint64_t to_ns(std::uint64_t ticks) const noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ticks) * ns_per_tick_);
  }
  std::uint64_t from_ns(std::uint64_t ns) const noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ns) / ns_per_tick_);
  }
  const char* name() const noexcept { return counter_ ? "tsc" : "clock_gettime"; }
  // From before() to after(), the median: it is part of the time of each call.
  std::uint64_t cost_ns() const noexcept { return cost_ns_; }

 private:
  Ticks();

  bool counter_ = false;
  double ns_per_tick_ = 1;
  std::uint64_t cost_ns_ = 0;
};

}  // namespace vmbsave::bench
