// park_matrix.hpp: one cell of the matrix: a victim stopped at one place of one operation, and a crowd that works on
// the same VM meanwhile.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "stress/park_crowd.hpp"
#include "stress/park_vm.hpp"

namespace vmbsave::test {

enum class Operation { kReceive, kComplete, kSave };

// What a saver of the harness is at. Nothing; stopped after it has opened the epoch and before it has frozen a word;
// stopped between save and end.
enum class Moment { kRunning, kCutting, kSaving };

inline const char* name_of(Operation operation) {
  constexpr const char* kNames[] = {"receive", "complete", "save"};
  return kNames[static_cast<int>(operation)];
}
inline const char* name_of(Moment moment) {
  constexpr const char* kNames[] = {"running", "cutting", "saving"};
  return kNames[static_cast<int>(moment)];
}

// What the crowd has to do while the victim is stopped.
struct Work {
  std::uint64_t operations;  // receives and completes that did something
  unsigned saves;
};

class Cell {
 public:
  using Vm = ParkVm<HookedAtomic>;
  using Id = Promise::Id;
  static constexpr std::uint64_t kDeadlineNs = 1'000'000;
  static constexpr std::uint32_t kStock = 8;  // packets of each lane that are in use from the start

  Cell(EventLog& log, Operation operation, Moment start, unsigned place, const Work& work)
      : log_(log), operation_(operation), work_(work), vm_(cleared(log)) {
    for (std::uint32_t i = 0; i < kStock; ++i) {
      for (unsigned lane = 0; lane < Vm::kLanes; ++lane) EXPECT_TRUE(mine_.put(vm_.receive(lane, next_id_++)));
    }
    victims_packet_ = operation == Operation::kComplete ? vm_.receive(0, next_id_++) : nullptr;
    const Id victims_id = next_id_++;
    hold(start);
    victim_.emplace(nth_place(place), [this, victims_id] { operate(victims_id); });
    stopped_ = victim_->settle();
    EXPECT_NE(stopped_, Victim::State::kRunning) << "the victim is blocked";
  }

  bool is_parked() const { return stopped_ == Victim::State::kParked; }

  // While the saver of the harness is held: calls return, whatever is in use can be completed, another save is refused.
  // Then that saver goes on, and must come to its end without the victim.
  void work_in_save(Moment held) {
    if (held == Moment::kRunning) return;
    const std::uint64_t stock = 2 * kStock;
    run([&](Crowd& crowd, Member& self) {
      for (unsigned i = 0; i < work_.saves; ++i) {
        const SaveOutcome outcome = self.call([&] { return vm_.save(session_, kDeadlineNs); });
        EXPECT_EQ(outcome.begin, Status::kDeviceBusy);
      }
      while (!crowd.stopped() && (crowd.returned() < work_.operations / 10 || crowd.done() < stock)) {
        std::this_thread::yield();
      }
    });
    const bool transit = held == Moment::kCutting && vm_.in_transit();
    let_saver_go();
    EXPECT_EQ(held_outcome_.begin, transit ? Status::kIoTimeout : Status::kSuccess) << "the save that was running";
  }

  // Receives, completes and saves. A save gives up at its deadline exactly if the victim is in transit; one that need
  // not wait has no deadline, so that a wait for the victim is seen as a thread that does not come back.
  void work_on() {
    const bool transit = vm_.in_transit();
    unsigned as_expected = 0;
    run([&](Crowd& crowd, Member& self) {
      for (unsigned i = 1; i <= work_.saves && !crowd.stopped(); ++i) {
        const SaveOutcome outcome = self.call([&] { return vm_.save(session_, transit ? kDeadlineNs : 0); });
        if (outcome.begin == (transit ? Status::kIoTimeout : Status::kSuccess) && outcome.save == Status::kSuccess) {
          ++as_expected;
        }
        while (!crowd.stopped() && crowd.done() < work_.operations * i / work_.saves) std::this_thread::yield();
      }
    });
    EXPECT_EQ(as_expected, work_.saves) << (transit ? "saves gave up: in transit" : "saves succeeded: not in transit");
    ++(transit ? in_transit_ : elsewhere_);
  }

  // Beside a saver that is stopped: every completion is taken, and other saves are refused, all of them. Where the save
  // has not reached its cut or is over but for a few stores, packets come in, too, and saves may succeed.
  void work_beside_saver(unsigned place) {
    const bool cut = vm_.is_cut();
    unsigned busy = 0;
    unsigned successes = 0;
    run([&](Crowd& crowd, Member& self) {
      for (unsigned i = 0; i < work_.saves; ++i) {
        const SaveOutcome outcome = self.call([&] { return vm_.save(session_); });
        if (outcome.begin == Status::kDeviceBusy) ++busy;
        if (outcome.begin == Status::kSuccess && outcome.save == Status::kSuccess) ++successes;
      }
      const auto enough = [&] {
        return crowd.done() >= 2 * kStock && (cut ? crowd.returned() : crowd.done()) >= work_.operations;
      };
      while (!crowd.stopped() && !enough()) std::this_thread::yield();
    });
    EXPECT_TRUE(busy == work_.saves || successes == work_.saves) << busy << " refused, " << successes << " succeeded";
    if (cut) {
      EXPECT_EQ(busy, work_.saves) << "two saves at a time";
    }
    if (place == 1) {
      EXPECT_EQ(successes, work_.saves) << "a save that has not begun is in the way";
    }
  }

  // The victim goes on while a saver is held at `moment`, and must end before that saver goes on.
  void finish(Moment moment) {
    if (operation_ != Operation::kSave) hold(moment);
    victim_->go_on();
    EXPECT_EQ(victim_->settle(), Victim::State::kOver) << "the victim is blocked";
    const bool held = saver_.has_value();
    let_saver_go();
    victim_.reset();
    if (held) {
      EXPECT_EQ(held_outcome_.begin, Status::kSuccess);
    }
    while (packet::Packet* const packet = take_any()) EXPECT_EQ(vm_.complete(packet), Status::kSuccess);
    EXPECT_TRUE(vm_.is_idle());
    EXPECT_EQ(log_.check(), std::vector<std::string>());
  }

  bool in_transit() { return vm_.in_transit(); }
  Verdict verdict() const { return verdict_; }
  unsigned counted_in_transit() const { return in_transit_; }
  unsigned counted_elsewhere() const { return elsewhere_; }

 private:
  static EventLog& cleared(EventLog& log) {
    log.clear();
    return log;
  }

  void operate(Id id) {
    if (operation_ == Operation::kReceive) victims_packet_ = vm_.receive(0, id);
    if (operation_ == Operation::kComplete) {
      EXPECT_EQ(vm_.complete(victims_packet_), Status::kSuccess);
      victims_packet_ = nullptr;
    }
    if (operation_ == Operation::kSave) {
      const SaveOutcome outcome = vm_.save(victims_session_);
      EXPECT_EQ(outcome.begin, Status::kSuccess);
      EXPECT_EQ(outcome.save, Status::kSuccess);
    }
  }

  // A saver of the harness goes to `moment` and stops there.
  void hold(Moment moment) {
    if (moment == Moment::kRunning) return;
    const auto there = [this, moment] {
      return moment == Moment::kCutting ? vm_.vm.control().saving() : victims_session_.complete();
    };
    // One that is to cut beside a victim in transit needs a deadline: what stands still now is not over soon.
    const std::uint64_t deadline = moment == Moment::kCutting && operation_ != Operation::kSave ? kDeadlineNs : 0;
    saver_.emplace(there, [this, deadline] { held_outcome_ = vm_.save(victims_session_, deadline); });
    EXPECT_EQ(saver_->settle(), Victim::State::kParked) << "a saver does not come to " << name_of(moment);
  }
  void let_saver_go() {
    if (!saver_) return;
    saver_->go_on();
    EXPECT_EQ(saver_->settle(), Victim::State::kOver) << "a save waits for the victim";
    saver_.reset();
  }

  packet::Packet* take_any() {
    if (packet::Packet* const packet = mine_.take()) return packet;
    if (packet::Packet* const packet = handed_.take()) return packet;
    return std::exchange(victims_packet_, nullptr);
  }

  template <class Lead>
  void run(Lead&& lead) {
    std::atomic<const Crowd*> crowd_here{nullptr};
    const auto crowd_of = [&]() -> const Crowd& {
      const Crowd* crowd = nullptr;
      // acquire: the crowd is whole; from the store below.
      while ((crowd = crowd_here.load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
      return *crowd;
    };
    Crowd crowd({[&](Member& self) { read_rings(crowd_of(), self); }, [&](Member& self) { complete(crowd_of(), self); },
                 [&](Member& self) { lead(const_cast<Crowd&>(crowd_of()), self); }});
    crowd_here.store(&crowd, std::memory_order_release);  // release: the crowd
    const Verdict verdict = crowd.watch(kBlockedAfter, [&] { return crowd.done() + crowd.returned(); });
    EXPECT_EQ(verdict, Verdict::kCameBack) << "the others cannot work: they wait for the victim";
    if (verdict == Verdict::kBlocked) {
      verdict_ = verdict;
      victim_->go_on();  // or nobody could be joined
      let_saver_go();
    }
    crowd.end();
  }

  // One thread reads both rings, but not one whose reader is the victim. It keeps every second packet for itself, so
  // that it never needs anybody.
  void read_rings(const Crowd& crowd, Member& self) {
    for (unsigned turn = 0; !crowd.stopped(); ++turn) {
      if (crowd.done() > 2 * work_.operations) {  // enough for the log
        std::this_thread::yield();
        continue;
      }
      const unsigned lane = operation_ == Operation::kReceive ? 1 : turn % 2;
      packet::Packet* packet = self.call([&] { return vm_.receive(lane, next_id_); });
      if (packet != nullptr) {
        ++next_id_;
        self.add_done();
        if (turn / 2 % 2 == 0 && handed_.put(packet)) continue;
        if (mine_.put(packet)) continue;
      } else {
        packet = mine_.take();
      }
      if (packet != nullptr) complete_one(packet, self);
    }
  }

  void complete(const Crowd& crowd, Member& self) {
    while (!crowd.stopped()) {
      packet::Packet* const packet = handed_.take();
      if (packet != nullptr) complete_one(packet, self);
      if (packet == nullptr) std::this_thread::yield();
    }
  }

  void complete_one(packet::Packet* packet, Member& self) {
    const Status status = self.call([&] { return vm_.complete(packet); });
    EXPECT_EQ(status, Status::kSuccess);
    self.add_done();
  }

  EventLog& log_;
  const Operation operation_;
  const Work work_;
  Vm vm_;
  Vm::Session session_{vm_.vm};          // the crowd's
  Vm::Session victims_session_{vm_.vm};  // or of the saver that the harness holds
  Handover<packet::Packet*, 64> mine_;
  Handover<packet::Packet*, 16> handed_;
  Id next_id_ = 0;
  packet::Packet* victims_packet_ = nullptr;
  SaveOutcome held_outcome_;
  std::optional<Victim> victim_;
  std::optional<Victim> saver_;
  Victim::State stopped_ = Victim::State::kRunning;
  Verdict verdict_ = Verdict::kCameBack;
  unsigned in_transit_ = 0;
  unsigned elsewhere_ = 0;
};

}  // namespace vmbsave::test
