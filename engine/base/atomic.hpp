// atomic.hpp: atomics with the memory order in the operation's name. The engine uses no others; the template parameter
// `Atom` of its concurrent parts is this one in production and a scheduler's in the model tests.
#pragma once

#include <atomic>
#include <thread>

namespace vmbsave::base {

template <class T>
class Atomic {
 public:
  constexpr Atomic() noexcept = default;
  constexpr explicit Atomic(T value) noexcept : value_(value) {}

  T load_relaxed() const noexcept { return value_.load(std::memory_order_relaxed); }
  T load_acquire() const noexcept { return value_.load(std::memory_order_acquire); }
  void store_relaxed(T value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void store_release(T value) noexcept { value_.store(value, std::memory_order_release); }

  T exchange_acq_rel(T value) noexcept { return value_.exchange(value, std::memory_order_acq_rel); }
  T fetch_add_relaxed(T value) noexcept { return value_.fetch_add(value, std::memory_order_relaxed); }
  T fetch_add_acquire(T value) noexcept { return value_.fetch_add(value, std::memory_order_acquire); }
  T fetch_add_release(T value) noexcept { return value_.fetch_add(value, std::memory_order_release); }
  T fetch_add_acq_rel(T value) noexcept { return value_.fetch_add(value, std::memory_order_acq_rel); }
  T fetch_sub_relaxed(T value) noexcept { return value_.fetch_sub(value, std::memory_order_relaxed); }
  T fetch_sub_release(T value) noexcept { return value_.fetch_sub(value, std::memory_order_release); }
  T fetch_sub_acq_rel(T value) noexcept { return value_.fetch_sub(value, std::memory_order_acq_rel); }

  // Success: acquire. Failure: relaxed, `expected` holds the value found.
  bool compare_exchange_acquire(T& expected, T desired) noexcept {
    return value_.compare_exchange_strong(expected, desired, std::memory_order_acquire, std::memory_order_relaxed);
  }

  // Success: release. Failure: relaxed.
  bool compare_exchange_release(T& expected, T desired) noexcept {
    return value_.compare_exchange_strong(expected, desired, std::memory_order_release, std::memory_order_relaxed);
  }

  // Relaxed either way.
  bool compare_exchange_relaxed(T& expected, T desired) noexcept {
    return value_.compare_exchange_strong(expected, desired, std::memory_order_relaxed, std::memory_order_relaxed);
  }

  // One round of a bounded wait for another thread: a pause at first, then the processor is given away.
  static void wait_round(unsigned round) noexcept {
    if (round < kSpins) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("yield");
#endif
    } else {
      std::this_thread::yield();
    }
  }

 private:
  static constexpr unsigned kSpins = 64;
  std::atomic<T> value_{};
};

}  // namespace vmbsave::base
