// atom.hpp: base::Atomic for a World: the same operations, each a branch of the schedule.
#pragma once

#include <cstdint>

#include "model/schedule/world.hpp"

namespace vmbsave::model {

template <class T>
class Atom {
 public:
  Atom() : Atom(T{}) {}
  explicit Atom(T value) : location_(static_cast<std::uint64_t>(value)) {}

  T load_relaxed() const { return static_cast<T>(world().load(location_, false)); }
  T load_acquire() const { return static_cast<T>(world().load(location_, true)); }
  void store_relaxed(T value) { world().store(location_, static_cast<std::uint64_t>(value), false); }
  void store_release(T value) { world().store(location_, static_cast<std::uint64_t>(value), true); }

  T exchange_acq_rel(T value) {
    return update(true, true, [=](T) { return value; });
  }
  T exchange_acquire(T value) {
    return update(true, false, [=](T) { return value; });
  }
  T exchange_release(T value) {
    return update(false, true, [=](T) { return value; });
  }
  T fetch_add_relaxed(T value) {
    return update(false, false, [=](T old) { return static_cast<T>(old + value); });
  }
  T fetch_add_acquire(T value) {
    return update(true, false, [=](T old) { return static_cast<T>(old + value); });
  }
  T fetch_add_release(T value) {
    return update(false, true, [=](T old) { return static_cast<T>(old + value); });
  }
  T fetch_add_acq_rel(T value) {
    return update(true, true, [=](T old) { return static_cast<T>(old + value); });
  }
  T fetch_sub_relaxed(T value) {
    return update(false, false, [=](T old) { return static_cast<T>(old - value); });
  }
  T fetch_sub_release(T value) {
    return update(false, true, [=](T old) { return static_cast<T>(old - value); });
  }
  T fetch_sub_acq_rel(T value) {
    return update(true, true, [=](T old) { return static_cast<T>(old - value); });
  }

  bool compare_exchange_acquire(T& expected, T desired) { return compare_exchange(expected, desired, true, false); }
  bool compare_exchange_release(T& expected, T desired) { return compare_exchange(expected, desired, false, true); }
  bool compare_exchange_relaxed(T& expected, T desired) { return compare_exchange(expected, desired, false, false); }

  static void wait_round(unsigned) { world().wait_round(); }

 private:
  static World& world() { return World::get(); }

  bool compare_exchange(T& expected, T desired, bool acquire, bool release) {
    std::uint64_t found = static_cast<std::uint64_t>(expected);
    const bool exchanged =
        world().compare_exchange(location_, found, static_cast<std::uint64_t>(desired), acquire, release);
    expected = static_cast<T>(found);
    return exchanged;
  }

  template <class F>
  T update(bool acquire, bool release, F&& next) {
    return static_cast<T>(world().read_modify_write(location_, acquire, release, [&](std::uint64_t old) {
      return static_cast<std::uint64_t>(next(static_cast<T>(old)));
    }));
  }

  mutable Location location_;
};

}  // namespace vmbsave::model
