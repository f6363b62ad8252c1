// park_hook.hpp: stops a thread for as long as a test likes, at a place inside an operation of the engine's own code.
//
// Places are the engine's atomic operations (HookedAtomic says so before each) and those where a VSP calls park_here()
// itself. Only a Victim's thread stops; on all others a place costs a look at a thread_local.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "base/atomic.hpp"

namespace vmbsave::test {

// How long a thread may be inside one call, or all of them without a step forward, until a test says that it is
// blocked. No test passes because of it, and none that is not blocked comes near it.
inline constexpr std::chrono::seconds kBlockedAfter{10};

// A thread that runs one operation, and stops at the first place for which `where` holds.
class Victim {
 public:
  enum class State { kRunning, kParked, kOver };

  Victim(std::function<bool()> where, std::function<void()> operation)
      : where_(std::move(where)), thread_([this, operation = std::move(operation)] {
          current = this;
          operation();
          current = nullptr;
          enter(State::kOver);
        }) {}
  ~Victim() {
    go_on();
    thread_.join();
  }
  Victim(const Victim&) = delete;

  // Parked or over; kRunning: neither, within the bound.
  State settle() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kBlockedAfter, [this] { return state_ != State::kRunning; });
    return state_;
  }

  // For good: it stops nowhere from here on.
  void go_on() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    if (state_ == State::kParked) state_ = State::kRunning;
    changed_.notify_all();
  }

  static void place() {
    Victim* const self = std::exchange(current, nullptr);  // what `where` looks at has places, too
    if (self == nullptr) return;
    if (!self->has_stopped_ && self->where_()) self->park();
    current = self;
  }

 private:
  void park() {
    has_stopped_ = true;
    enter(State::kParked);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return released_; });
  }

  void enter(State state) {
    const std::lock_guard lock(mutex_);
    if (state == State::kParked && released_) return;
    state_ = state;
    changed_.notify_all();
  }

  inline static thread_local Victim* current = nullptr;

  const std::function<bool()> where_;
  bool has_stopped_ = false;  // the victim's
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kRunning;
  bool released_ = false;
  std::thread thread_;  // last: it uses the others
};

inline void park_here() { Victim::place(); }

// The n-th place, from 1 on.
inline std::function<bool()> nth_place(unsigned n) {
  return [n]() mutable { return --n == 0; };
}

// base::Atomic, and a place before each operation.
template <class T>
class HookedAtomic {
 public:
  constexpr HookedAtomic() noexcept = default;
  constexpr explicit HookedAtomic(T value) noexcept : value_(value) {}

  T load_relaxed() const noexcept { return here(value_).load_relaxed(); }
  T load_acquire() const noexcept { return here(value_).load_acquire(); }
  void store_relaxed(T value) noexcept { here(value_).store_relaxed(value); }
  void store_release(T value) noexcept { here(value_).store_release(value); }

  T exchange_acq_rel(T value) noexcept { return here(value_).exchange_acq_rel(value); }
  // Weaker than the engine has it: for mutants, whose base::Atomic has these.
  T exchange_acquire(T value) noexcept { return here(value_).exchange_acquire(value); }
  T exchange_release(T value) noexcept { return here(value_).exchange_release(value); }
  T fetch_add_relaxed(T value) noexcept { return here(value_).fetch_add_relaxed(value); }
  T fetch_add_acquire(T value) noexcept { return here(value_).fetch_add_acquire(value); }
  T fetch_add_release(T value) noexcept { return here(value_).fetch_add_release(value); }
  T fetch_add_acq_rel(T value) noexcept { return here(value_).fetch_add_acq_rel(value); }
  T fetch_sub_relaxed(T value) noexcept { return here(value_).fetch_sub_relaxed(value); }
  T fetch_sub_release(T value) noexcept { return here(value_).fetch_sub_release(value); }
  T fetch_sub_acq_rel(T value) noexcept { return here(value_).fetch_sub_acq_rel(value); }

  bool compare_exchange_acquire(T& expected, T desired) noexcept {
    return here(value_).compare_exchange_acquire(expected, desired);
  }
  bool compare_exchange_release(T& expected, T desired) noexcept {
    return here(value_).compare_exchange_release(expected, desired);
  }
  bool compare_exchange_relaxed(T& expected, T desired) noexcept {
    return here(value_).compare_exchange_relaxed(expected, desired);
  }

  static void wait_round(unsigned round) noexcept { base::Atomic<T>::wait_round(round); }

 private:
  template <class A>
  static A& here(A& value) noexcept {
    park_here();
    return value;
  }

  base::Atomic<T> value_{};
};

}  // namespace vmbsave::test
