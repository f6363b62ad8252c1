// park_table_rig.hpp: a table alone, the engine's or one with a lock, and the threads that work on it beside one that
// is stopped.
#pragma once

#include "base/clock.hpp"
#include "stress/park_crowd.hpp"
#include "stress/park_mutex_table.hpp"

namespace vmbsave::test {

using EngineTable = packet::PacketTable<HookedAtomic>;

// All threads in one word.
template <class Table>
class TableRig {
 public:
  static constexpr std::uint64_t kDeadlineNs = 1'000'000;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  static constexpr std::uint64_t kOperations = 20'000;
#else
  static constexpr std::uint64_t kOperations = 1'000'000;
#endif
  static constexpr unsigned kSaves = 10;

  void receive_and_complete(Member* self = nullptr) {
    const packet::Claim claim = table_.claim(control_);
    if (claim.status != packet::ClaimStatus::kClaimed) return;
    park_here();  // inside the fill
    table_.publish(claim.slot);
    if (table_.complete(claim.slot, control_) == packet::CompleteOutcome::kDeliver) {
      park_here();  // inside the delivery
      table_.release(claim.slot);
    }
    if (self != nullptr) self->add_done();
  }

  // As Cut does it, but for the VSP.
  void save() {
    using sync::SlotState;
    if (!control_.try_enter()) return;
    const std::uint64_t deadline = base::now_ns() + kDeadlineNs;
    control_.open_epoch();
    const std::uint64_t frozen = table_.freeze(0);
    sync::SlotSet members = 0;
    (void)table_.await_transit(0, frozen, members, [&] { return base::now_ns() >= deadline; });
    control_.close_epoch();
    const std::uint64_t old = table_.thaw(0);
    const sync::SlotSet ours = sync::slots_in(old, SlotState::kDone) & ~sync::slots_in(frozen, SlotState::kDone);
    sync::for_each_slot(ours, [&](unsigned slot) { table_.release(slot); });
    sync::for_each_slot(sync::slots_in(old, SlotState::kDeferred), [&](unsigned slot) {
      if (table_.take_deferred(slot)) table_.release(slot);
    });
    control_.leave();
  }

  // Whether the others did their work. Beside a saver their calls need only return: what a packet is claimed for is up
  // to him.
  Verdict ask(bool is_saver, unsigned place, std::chrono::milliseconds bound, bool& parked) {
    Victim victim(nth_place(place), [&] { is_saver ? save() : receive_and_complete(); });
    parked = victim.settle() == Victim::State::kParked;
    if (!parked) return Verdict::kCameBack;
    std::atomic<bool> stop{false};  // publishes nothing: threads are joined
    const auto work = [&](Member& self) {
      while (!stop) self.call([&] { receive_and_complete(&self); });
    };
    // Publishes the crowd, whole, to the one of its threads that leads.
    std::atomic<const Crowd*> shared{nullptr};
    const auto lead = [&](Member& self) {
      const Crowd* crowd = nullptr;
      while ((crowd = shared) == nullptr) std::this_thread::yield();
      const auto amount = [&] { return is_saver ? crowd->returned() : crowd->done(); };
      for (unsigned i = 1; i <= kSaves && !stop; ++i) {
        self.call([&] { save(); });
        while (!stop && amount() < kOperations * i / kSaves) std::this_thread::yield();
      }
    };
    Crowd crowd({work, work, lead});
    shared = &crowd;
    const Verdict verdict = crowd.watch(bound, [&] { return is_saver ? crowd.returned() : crowd.done(); });
    stop = true;
    victim.go_on();
    crowd.end();
    return verdict;
  }

 private:
  sync::SaveControl<HookedAtomic> control_;
  Table table_{sync::kSlotsPerWord};
};

}  // namespace vmbsave::test
