// shared_loop.hpp: a loop whose ranges the threads of an executor claim one by one. Whoever comes late takes what is
// left and costs nothing else; whoever never comes is not waited for; threads end within one range of each other.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/atomic.hpp"
#include "base/bytes.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::exec {

class SharedLoop {
 public:
  SharedLoop(std::size_t count, std::size_t grain, Executor::Body body, void* context) noexcept
      : count_(count), grain_(grain), body_(body), context_(context) {}

  bool fits_one_range() const noexcept { return count_ <= grain_; }

  // Works on ranges until none is left to claim. From any number of threads, each as often as it likes: every item is
  // worked on once. When it returns, other threads may still be at ranges of theirs.
  void work() noexcept {
    for (;;) {
      // relaxed: only the range is claimed here; what starts and joins the threads orders all else.
      const std::size_t first = next_.fetch_add_relaxed(grain_);
      if (first >= count_) return;
      body_(context_, first, first + std::min(grain_, count_ - first));
    }
  }

 private:
  const std::size_t count_;
  const std::size_t grain_;
  const Executor::Body body_;
  void* const context_;
  alignas(base::kCacheLine) base::Atomic<std::size_t> next_{};
};

}  // namespace vmbsave::exec
