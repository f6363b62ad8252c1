// allocation_count.hpp: between the wrappers and the counter.
#pragma once

#include <atomic>

namespace vmbsave::bench {

inline constinit std::atomic<bool> allocator_calls_count{false};

void add_allocator_call() noexcept;

inline void count_allocator_call() noexcept {
  if (allocator_calls_count.load(std::memory_order_relaxed)) [[unlikely]] {
    add_allocator_call();
  }
}

}  // namespace vmbsave::bench
