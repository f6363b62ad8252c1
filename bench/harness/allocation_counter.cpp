#include "harness/allocation_counter.hpp"

#include <cstdlib>

#include "harness/allocation_count.hpp"

namespace vmbsave::bench {
namespace {

// A thread adds to a cache line of its own; more threads than lines share them, and still count right.
struct alignas(64) Line {
  std::atomic<std::uint64_t> calls{0};
};
constexpr unsigned kLines = 64;
constinit Line lines[kLines];
constinit std::atomic<unsigned> threads{0};
constinit thread_local Line* own_line = nullptr;

std::uint64_t sum() noexcept {
  std::uint64_t calls = 0;
  for (const Line& line : lines) calls += line.calls.load(std::memory_order_relaxed);
  return calls;
}

constinit std::uint64_t sum_at_start = 0;

}  // namespace

void add_allocator_call() noexcept {
  if (own_line == nullptr) own_line = &lines[threads.fetch_add(1, std::memory_order_relaxed) % kLines];
  own_line->calls.fetch_add(1, std::memory_order_relaxed);
}

void start_counting() noexcept {
  sum_at_start = sum();
  allocator_calls_count.store(true, std::memory_order_relaxed);
}

std::uint64_t stop_counting() noexcept {
  allocator_calls_count.store(false, std::memory_order_relaxed);
  return sum() - sum_at_start;
}

bool counts_allocator_calls() {
  start_counting();
  void* volatile const memory = std::malloc(1);  // volatile: the call is not to be optimised away
  const bool counted = stop_counting() != 0;
  std::free(memory);
  return counted;
}

}  // namespace vmbsave::bench
