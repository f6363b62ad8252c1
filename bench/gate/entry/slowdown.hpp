// slowdown.hpp: what a build with VMBS_GATE_SLOWDOWN_PERCENT does more in each operation, so that the gate can be tried
// on a slowdown that is known. Another build does nothing of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"

#ifndef VMBS_GATE_SLOWDOWN_PERCENT
#define VMBS_GATE_SLOWDOWN_PERCENT 0
#endif

namespace vmbsave::gate {

inline constexpr bool kIsSlowed = VMBS_GATE_SLOWDOWN_PERCENT != 0;

// A chain of multiplications: its time is a number of clock cycles, and no memory's. Gives nanoseconds.
inline std::uint64_t multiply(std::uint64_t times) noexcept {
  const std::uint64_t start = base::now_ns();
  std::uint64_t x = times;
  for (std::uint64_t i = 0; i < times; ++i) {
    x = x * 0x9E3779B97F4A7C15u + 1;
    asm volatile("" : "+r"(x));
  }
  return base::now_ns() - start;
}

// How many make an operation so much longer, by the time of both in this process.
template <class Operate>
std::uint64_t calibrated(Operate&& operate) {
  constexpr int kSamples = 15;
  constexpr std::uint64_t kTimes = 20'000;
  std::vector<std::uint64_t> operation;
  std::vector<std::uint64_t> chain;
  for (int i = 0; i < kSamples; ++i) {
    operation.push_back(operate());
    chain.push_back(multiply(kTimes));
  }
  const auto median = [](std::vector<std::uint64_t>& values) {
    std::nth_element(values.begin(), values.begin() + kSamples / 2, values.end());
    return values[kSamples / 2];
  };
  return kTimes * VMBS_GATE_SLOWDOWN_PERCENT * median(operation) / (100 * median(chain));
}

}  // namespace vmbsave::gate
