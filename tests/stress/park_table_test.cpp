// The same question, put to a table alone, so that it can be put to a table with a lock, too: there it must be answered
// with "blocked", or the question is worth nothing.
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "stress/park_crowd.hpp"
#include "stress/park_mutex_table.hpp"

namespace vmbsave::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kOperations = 20'000;
#else
constexpr std::uint64_t kOperations = 1'000'000;
#endif
constexpr unsigned kSaves = 10;
constexpr unsigned kMostPlaces = 1000;

using EngineTable = packet::PacketTable<HookedAtomic>;
using sync::SlotState;

// All threads in one word.
template <class Table>
class Rig {
 public:
  static constexpr std::uint64_t kDeadlineNs = 1'000'000;

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

// Places at which the others are blocked; looks for no more than `most`.
template <class Table>
unsigned count_blocked(bool is_saver, std::chrono::milliseconds bound, unsigned most, unsigned& places) {
  unsigned blocked = 0;
  for (places = 0; places < kMostPlaces && blocked < most; ++places) {
    Rig<Table> rig;
    bool parked = false;
    if (rig.ask(is_saver, places + 1, bound, parked) == Verdict::kBlocked) ++blocked;
    if (!parked) break;
  }
  EXPECT_LT(places, kMostPlaces) << "the operation does not end";
  return blocked;
}

TEST(ParkTable, NobodyIsBlockedByAPacketThatStands) {
  unsigned places = 0;
  EXPECT_EQ(count_blocked<EngineTable>(false, kBlockedAfter, 1, places), 0u);
  EXPECT_GT(places, 8u);
}

TEST(ParkTable, NobodyIsBlockedByASaverThatStands) {
  unsigned places = 0;
  EXPECT_EQ(count_blocked<EngineTable>(true, kBlockedAfter, 1, places), 0u);
  EXPECT_GT(places, 4u);
}

// Negative control: the bound may be short, because blocked is what they have to be.
TEST(ParkTable, ATableWithALockIsFoundOut) {
  constexpr std::chrono::milliseconds kShort{500};
  for (const bool is_saver : {false, true}) {
    unsigned places = 0;
    EXPECT_EQ(count_blocked<MutexTable>(is_saver, kShort, 2, places), 2u) << "two places with the lock held";
  }
}

}  // namespace
}  // namespace vmbsave::test
