#include "scenarios/save_under_load/ticks.hpp"

#include <algorithm>
#include <array>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace vmbsave::bench {
namespace {

// Whether the processor says that its counter runs at one rate in all its states, and can be read in order.
bool counter_is_even() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0x8000'0001u, &a, &b, &c, &d) == 0 || (d >> 27 & 1) == 0) return false;  // rdtscp
  return __get_cpuid(0x8000'0007u, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
#else
  return false;
#endif
}

}  // namespace

const Ticks& Ticks::clock() {
  static const Ticks clock;
  return clock;
}

Ticks::Ticks() : counter_(counter_is_even()) {
  constexpr std::uint64_t kCalibrationNs = 20'000'000;
  if (counter_) {
    const std::uint64_t start_ns = base::now_ns();
    const std::uint64_t start = now();
    while (base::now_ns() < start_ns + kCalibrationNs) {
    }
    ns_per_tick_ = static_cast<double>(base::now_ns() - start_ns) / static_cast<double>(now() - start);
  }
  std::array<std::uint64_t, 1001> gaps{};
  for (std::uint64_t& gap : gaps) {
    const std::uint64_t start = before();
    gap = after() - start;
  }
  std::nth_element(gaps.begin(), gaps.begin() + gaps.size() / 2, gaps.end());
  cost_ns_ = to_ns(gaps[gaps.size() / 2]);
}

}  // namespace vmbsave::bench
