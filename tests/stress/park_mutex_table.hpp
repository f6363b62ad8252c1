// park_mutex_table.hpp: what the engine's table would be with a lock: the same states in an array, and a mutex around
// it. For the harness to fail on.
#pragma once

#include <cstdint>
#include <mutex>

#include "packet/packet_table.hpp"
#include "stress/park_hook.hpp"

namespace vmbsave::test {

// One word, with the operations of PacketTable that a packet's life and a save need.
class MutexTable {
 public:
  using Control = sync::SaveControl<HookedAtomic>;

  explicit MutexTable(std::uint32_t capacity) : capacity_(capacity) {}

  packet::Claim claim(const Control& control) {
    const Lock lock(mutex_);
    if (control.saving() || sync::is_frozen(word_)) return {packet::ClaimStatus::kPaused, 0};
    const sync::SlotSet free = sync::slots_in(word_, sync::SlotState::kFree) & sync::first_slots(capacity_);
    if (free == 0) return {packet::ClaimStatus::kFull, 0};
    word_ += sync::slot_unit(sync::first_slot(free));
    return {packet::ClaimStatus::kClaimed, sync::first_slot(free)};
  }
  void publish(std::uint32_t slot) { add(sync::slot_unit(slot)); }
  packet::CompleteOutcome complete(std::uint32_t slot, const Control&) {
    const bool frozen = sync::is_frozen(add(sync::slot_unit(slot)));
    return frozen ? packet::CompleteOutcome::kDeferred : packet::CompleteOutcome::kDeliver;
  }
  void release(std::uint32_t slot) { add(0 - 3 * sync::slot_unit(slot)); }
  bool take_deferred(std::uint32_t) { return false; }

  std::uint64_t freeze(std::uint32_t) { return add(sync::kFrozenBit); }
  std::uint64_t thaw(std::uint32_t) { return add(0 - sync::kFrozenBit); }
  template <class GiveUp>
  bool await_transit(std::uint32_t, std::uint64_t frozen, sync::SlotSet&, GiveUp&& give_up) {
    const sync::SlotSet filling = sync::slots_in(frozen, sync::SlotState::kFilling);
    const sync::SlotSet done = sync::slots_in(frozen, sync::SlotState::kDone);
    for (;;) {
      const std::uint64_t now = add(0);
      const bool waiting = ((filling & sync::slots_in(now, sync::SlotState::kFilling)) |
                            (done & sync::slots_in(now, sync::SlotState::kDone))) != 0;
      if (!waiting) return true;
      if (give_up()) return false;
      std::this_thread::yield();
    }
  }

 private:
  class Lock {
   public:
    explicit Lock(std::mutex& mutex) : mutex_(mutex) {
      park_here();
      mutex_.lock();
      park_here();
    }
    ~Lock() {
      park_here();
      mutex_.unlock();
    }

   private:
    std::mutex& mutex_;
  };

  std::uint64_t add(std::uint64_t units) {
    const Lock lock(mutex_);
    const std::uint64_t old = word_;
    word_ += units;
    return old;
  }

  const std::uint32_t capacity_;
  std::mutex mutex_;
  std::uint64_t word_ = 0;
};

}  // namespace vmbsave::test
