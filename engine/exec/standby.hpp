// standby.hpp: how long a worker that wake() got up stays awake for the work that was announced.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/clock.hpp"

namespace vmbsave::exec {

// The work is tens of microseconds away, and getting up takes as long; a worker that found nothing to do would be
// asleep again by then. All operations are relaxed: they decide only when a thread goes to sleep.
class Standby {
 public:
  // Work is coming: stay.
  void call() noexcept { until_.store_relaxed(base::now_ns() + kAwakeNs); }

  // It has come, or will not: nobody stays any longer.
  void dismiss() noexcept { until_.store_relaxed(0); }

  // Returns when dismissed, or kAwakeNs after the last call at the latest. Soon gives the processor away between two
  // looks: a save's begin may wait for a thread that needs it.
  void stay() const noexcept {
    for (unsigned round = 0; base::now_ns() < until_.load_relaxed(); ++round)
      base::Atomic<std::uint64_t>::wait_round(round);
  }

  static constexpr std::uint64_t kAwakeNs = 200'000;

 private:
  base::Atomic<std::uint64_t> until_{};
};

}  // namespace vmbsave::exec
