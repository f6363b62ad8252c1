// history.hpp: whether what threads did to a VM at the same time could have been done one after the other
// (linearizable: a search after Wing and Gong, with Lowe's memory of what was tried). The sequential specification is
// step() below.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "model/promise.hpp"

namespace vmbsave::test {

struct Operation {
  enum Kind : std::uint8_t {
    kAcquire,    // a packet leaves the ring, and is in use
    kRefused,    // it stays there
    kComplete,   // the VSP is done with it
    kWithdrawn,  // it was not the VSP's any more
    kSeen,       // the guest sees its completion
    kBegin,      // the cut, whose image is known afterwards
    kNoBegin,    // another save runs, or this one gave up
    kEnd,        // the VM goes on
    kDiscard,    // the destination has what was in use
    kRemove,     // the channel goes, with what was in use
  };
  static constexpr std::uint64_t kUnknown = UINT64_MAX;

  Kind kind = kAcquire;
  Promise::Id id = 0;              // of the packet
  std::uint64_t image = kUnknown;  // kBegin: the set of ids; unknown if the save failed
  std::uint64_t before = 0;        // the set of operations that were over before this one began
  int inside = -1;                 // kSeen: the operation that delivers
};

// A history is good if its operations can be put in one order that keeps `before` and is possible one by one. A refusal
// needs a reason: a full table, a save, or somebody who begins, ends or completes at the same time. A completion that
// no save was beside is seen before it is over.
class History {
 public:
  static constexpr std::size_t kMost = 64;  // operations
  static constexpr Promise::Id kMostPackets = 16;

  History(const std::vector<Operation>& operations, unsigned capacity) : operations_(operations), capacity_(capacity) {}

  // Empty: good.
  std::string verdict() {
    const std::size_t count = operations_.size();
    if (count > kMost) return "a history is longer than can be judged";
    all_ = count == kMost ? UINT64_MAX : (std::uint64_t{1} << count) - 1;
    for (std::size_t i = 0; i < count; ++i) {
      if (operations_[i].id >= kMostPackets) return "a history has more packets than can be judged";
      if (operations_[i].kind == Operation::kSeen && !may_be_seen(i)) {
        return "packet " + std::to_string(operations_[i].id) +
               " is seen by another than who completed it, beside no save";
      }
    }
    tried_.clear();
    if (search(0, 0)) return {};
    return "no order of the operations, one at a time, gives what was seen:" + text();
  }

 private:
  enum Place : std::uint64_t { kRing, kInUse, kCompleted, kDelivered, kGone, kLeaving };
  using State = std::uint64_t;  // 3 bits a packet, and whether a save runs
  static constexpr State kSaving = State{1} << 63;

  static Place place(State state, Promise::Id id) { return static_cast<Place>((state >> (3 * id)) & 7); }
  static State put(State state, Promise::Id id, Place to) {
    return (state & ~(State{7} << (3 * id))) | (State{to} << (3 * id));
  }

  static bool saver(Operation::Kind kind) {
    return kind == Operation::kBegin || kind == Operation::kNoBegin || kind == Operation::kEnd ||
           kind == Operation::kDiscard || kind == Operation::kRemove;
  }
  bool is_before(std::size_t a, std::size_t b) const { return (operations_[b].before >> a & 1) != 0; }
  bool beside(std::size_t a, std::size_t b) const { return a != b && !is_before(a, b) && !is_before(b, a); }

  bool beside_a_saver(std::size_t i) const {
    for (std::size_t j = 0; j < operations_.size(); ++j) {
      if (saver(operations_[j].kind) && beside(i, j)) return true;
    }
    return false;
  }
  bool beside_a_completion(std::size_t i) const {
    for (std::size_t j = 0; j < operations_.size(); ++j) {
      if (operations_[j].kind == Operation::kComplete && beside(i, j)) return true;
    }
    return false;
  }
  // The last of the savers' operations before it is a begin.
  bool during_a_save(std::size_t i) const {
    int balance = 0;
    for (std::size_t j = 0; j < operations_.size(); ++j) {
      if (!is_before(j, i)) continue;
      if (operations_[j].kind == Operation::kBegin) ++balance;
      if (operations_[j].kind == Operation::kEnd || operations_[j].kind == Operation::kDiscard) --balance;
    }
    return balance > 0;
  }
  bool may_be_seen(std::size_t seen) const {
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (operations_[i].kind != Operation::kComplete || operations_[i].id != operations_[seen].id) continue;
      return operations_[seen].inside == static_cast<int>(i) || beside_a_saver(i) || during_a_save(i);
    }
    return false;
  }

  // The specification: whether operation i is possible now, and what is then.
  bool step(std::size_t i, State& state) const {
    const Operation& op = operations_[i];
    const Place at = place(state, op.id);
    const bool saving = (state & kSaving) != 0;
    switch (op.kind) {
      case Operation::kAcquire:
        if (saving || at != kRing) return false;
        state = put(state, op.id, kInUse);
        return true;
      case Operation::kRefused:
        return saving || full(state) || beside_a_saver(i) || beside_a_completion(i);
      case Operation::kComplete:
        if (at == kInUse) state = put(state, op.id, kCompleted);
        return at == kInUse || at == kGone;
      case Operation::kWithdrawn:
        return at == kGone;
      case Operation::kSeen:
        if (at != kLeaving && (saving || at != kCompleted)) return false;
        state = put(state, op.id, kDelivered);
        return true;
      case Operation::kBegin:
        if (saving || (op.image != Operation::kUnknown && op.image != set_of(state, kInUse))) return false;
        if (!lets_leave(i, set_of(state, kCompleted), state)) return false;
        state |= kSaving;
        return true;
      case Operation::kNoBegin:
        return true;
      case Operation::kEnd:
        state &= ~kSaving;
        return saving;
      case Operation::kDiscard:
        state = lose(state) & ~kSaving;
        return saving;
      case Operation::kRemove:
        state = lose(state);
        return !saving;
    }
    return false;
  }

  // What was completed before a cut, and is being delivered, is waited for by the begin: the guest sees it before the
  // begin is over, even if others have completed packets meanwhile that it does not see.
  bool lets_leave(std::size_t begin, std::uint64_t completed, State& state) const {
    for (std::size_t seen = 0; seen < operations_.size(); ++seen) {
      const Operation& op = operations_[seen];
      if (op.kind != Operation::kSeen || (completed >> op.id & 1) == 0) continue;
      if (is_before(begin, seen)) return false;
      completed &= ~(std::uint64_t{1} << op.id);
      state = put(state, op.id, kLeaving);
    }
    return completed == 0;
  }

  static std::uint64_t set_of(State state, Place wanted) {
    std::uint64_t set = 0;
    for (Promise::Id id = 0; id < kMostPackets; ++id) {
      if (place(state, id) == wanted) set |= std::uint64_t{1} << id;
    }
    return set;
  }
  static State lose(State state) {
    for (Promise::Id id = 0; id < kMostPackets; ++id) {
      if (place(state, id) == kInUse || place(state, id) == kCompleted) state = put(state, id, kGone);
    }
    return state;
  }
  bool full(State state) const {
    unsigned used = 0;
    for (Promise::Id id = 0; id < kMostPackets; ++id) {
      if (place(state, id) == kInUse || place(state, id) == kCompleted || place(state, id) == kLeaving) ++used;
    }
    return used >= capacity_;
  }

  bool search(std::uint64_t done, State state) {
    if (done == all_) return true;
    const std::uint64_t key = done * 0x9E3779B97F4A7C15u ^ state;
    if (tried_.contains(key)) return false;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const std::uint64_t bit = std::uint64_t{1} << i;
      if ((done & bit) != 0 || (operations_[i].before & ~done) != 0) continue;
      State next = state;
      if (!step(i, next)) continue;
      if (search(done | bit, next)) return true;
      if (next == state) break;  // what changes nothing may as well come now
    }
    tried_.insert(key);
    return false;
  }

  std::string text() const {
    static const char* const kNames[] = {"acquire", "refused", "complete", "withdrawn", "seen",
                                         "begin",   "nobegin", "end",      "discard",   "remove"};
    std::string text;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const Operation& op = operations_[i];
      text.append("\n    ").append(std::to_string(i)).append(" ").append(kNames[op.kind]);
      if (op.kind == Operation::kBegin && op.image != Operation::kUnknown) {
        text += " with";
        for (Promise::Id id = 0; id < kMostPackets; ++id) {
          if ((op.image >> id & 1) != 0) text.append(" ").append(std::to_string(id));
        }
      } else if (!saver(op.kind)) {
        text.append(" ").append(std::to_string(op.id));
      }
      text += ", after";
      for (std::size_t j = 0; j < operations_.size(); ++j) {
        if (is_before(j, i)) text.append(" ").append(std::to_string(j));
      }
    }
    return text;
  }

  const std::vector<Operation>& operations_;
  const unsigned capacity_;
  std::uint64_t all_ = 0;
  std::unordered_set<std::uint64_t> tried_;
};

}  // namespace vmbsave::test
