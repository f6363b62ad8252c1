// packet_table.hpp: which packets of a channel are in use, in packed words (sync/packed_word.hpp), each alone on a
// cache line.
//
// The table has two parts, whole words each: packets of the guest, and packets that the VSP sends, so that neither uses
// up the other's room.
//
// Roles: claim, publish and unclaim by the thread that reads the channel's ring; claim_send, retake, publish and
// unclaim of a packet that is sent by one thread at a time; complete and release by any VSP thread, once a packet;
// freeze, await, thaw, clear by the saver, who holds SaveControl's busy. Progress: publish one read-modify-write;
// complete at most two and its own delivery, and a compare-exchange that fails only if another operation on the word
// succeeded where a save ends between its two looks at the epoch; claim lock-free; freeze wait-free
// a word; await_transit waits for threads that fill or deliver a packet. The reason for each memory order is in
// engine/ORDERING.md; the tag in brackets names its row.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/prefetch.hpp"
#include "sync/packed_word.hpp"
#include "sync/save_control.hpp"

namespace vmbsave::packet {

using sync::SlotSet;
using sync::SlotState;

enum class ClaimStatus { kClaimed, kPaused, kFull };
enum class CompleteOutcome {
  kDeliver,   // the caller delivers, then calls release
  kDeferred,  // the saver delivers at the end of the save
  kMisuse,    // the packet was not in use; nothing has changed
};

struct Claim {
  ClaimStatus status;
  std::uint32_t slot;
};

template <template <class> class Atom>
class PacketTable {
 public:
  using Control = sync::SaveControl<Atom>;

  explicit PacketTable(std::uint32_t capacity, std::uint32_t sends = 0)
      : capacity_(capacity),
        sends_(sends),
        send_word_(words_for(capacity)),
        words_(send_word_ + words_for(sends)),
        word_(std::make_unique<Line[]>(words_)) {}

  std::uint32_t capacity() const noexcept { return capacity_; }  // of the guest's packets
  std::uint32_t sends() const noexcept { return sends_; }        // of the VSP's
  std::uint32_t words() const noexcept { return words_; }
  std::uint32_t slots() const noexcept { return words_ * sync::kSlotsPerWord; }  // numbers that a slot may have
  std::uint32_t first_send() const noexcept { return send_word_ * sync::kSlotsPerWord; }  // slot of the first send

  bool is_send_word(std::uint32_t w) const noexcept { return w >= send_word_; }

  // ---- a packet's life
  // -------------------------------------------------------------------------------------------------------

  // Free -> Filling. The caller fills the packet, moves its ring's read index, and publishes.
  Claim claim(const Control& control) noexcept { return claim_between(0, send_word_, hint_, control); }
  Claim claim_send(const Control& control) noexcept { return claim_between(send_word_, words_, send_hint_, control); }

  // InUse -> Filling, for a packet that nobody else can complete now: what follows until publish or unclaim is one step
  // to a save. False: a save runs, nothing has changed.
  bool retake(std::uint32_t slot, const Control& control) noexcept {
    if (control.saving()) return false;
    std::uint64_t found = word(slot).load_relaxed();
    do {
      if (sync::is_frozen(found)) return false;
      VMBSAVE_ASSERT(state(found, slot) == SlotState::kInUse);
      // [retake] acquire: the last save's reading of the packet is over.
    } while (!word(slot).compare_exchange_acquire(found, found - unit(slot)));
    return true;  // a freeze that came meanwhile finds the slot in transit
  }

  // The caller sees what the threads did that completed packets of the guest before, and whoever completes one later
  // sees what the caller has stored. Gives the packets that are not completed, or wait for a saver; the slots of all
  // others are free or about to be. O(words), an addition each.
  std::uint32_t meet_completions() noexcept {
    std::uint32_t staying = 0;
    for (std::uint32_t w = 0; w < send_word_; ++w) {
      // [meet] acquire: what was done before [complete] and [release]. release: the caller's note that it waits, for
      // [complete].
      const std::uint64_t now = word_[w].value.fetch_add_acq_rel(0);
      SlotSet leaving = sync::slots_in(now, SlotState::kFree);
      if (!sync::is_frozen(now)) leaving |= sync::slots_in(now, SlotState::kDone);
      staying += sync::kSlotsPerWord - sync::count_slots(leaving);
    }
    return staying;
  }

  // Filling -> InUse.
  void publish(std::uint32_t slot) noexcept {
    // [publish] release: the filled packet, for the freeze and the await that find the slot in use.
    const std::uint64_t old = word(slot).fetch_add_release(unit(slot));
    VMBSAVE_ASSERT(state(old, slot) == SlotState::kFilling);
    (void)old;
  }

  // Filling -> Free, for a claim that found no use.
  void unclaim(std::uint32_t slot) noexcept {
    // [unclaim] release: pairs with the next claim of the slot.
    const std::uint64_t old = word(slot).fetch_sub_release(unit(slot));
    VMBSAVE_ASSERT(state(old, slot) == SlotState::kFilling);
    (void)old;
  }

  // Free -> InUse, of all free slots of one word of the guest's packets: for packets that are restored, while no save
  // can run. claim.slot: the word's first. The caller gives back what it does not fill.
  Claim claim_word(const Control& control, SlotSet& claimed) noexcept {
    return search(0, send_word_, hint_, control, [&](std::uint32_t w) -> Claim {
      std::uint64_t found = word_[w].value.load_relaxed();
      do {
        VMBSAVE_ASSERT(!sync::is_frozen(found));
        claimed = free_slots(w, found);
        if (claimed == 0) return {ClaimStatus::kFull, 0};
        // [claim] acquire: the last use of each packet is over.
      } while (!word_[w].value.compare_exchange_acquire(found, found + kInUseUnits * claimed));
      return {ClaimStatus::kClaimed, w * sync::kSlotsPerWord};
    });
  }
  // InUse -> Free, for slots of a claimed word that nobody touched.
  void unclaim_word(std::uint32_t first_slot, SlotSet slots) noexcept {
    const std::uint64_t old = word(first_slot).fetch_sub_relaxed(kInUseUnits * slots);
    VMBSAVE_ASSERT((sync::slots_in(old, SlotState::kInUse) & slots) == slots);
    (void)old;
  }

  // InUse -> Done, or Deferred while a save runs. The caller has stored the result in the packet.
  CompleteOutcome complete(std::uint32_t slot, const Control& control) noexcept {
    // [complete] release: the result, for the saver. acquire: whoever finds the word thawed finds the epoch idle.
    std::uint64_t old = word(slot).fetch_add_acq_rel(unit(slot));
    if (state(old, slot) != SlotState::kInUse) return undo_misuse(slot);
    if (sync::is_frozen(old)) return CompleteOutcome::kDeferred;
    for (std::uint64_t epoch; (epoch = control.epoch()) != Control::kIdle;) {
      // [defer] acquire: whoever finds the word thawed finds out that its save gave up, and whether another one runs.
      old = word(slot).fetch_add_acquire(unit(slot));  // Done -> Deferred
      // A save that does not give up waits for this slot, and delivers.
      if (sync::is_frozen(old) || !control.gave_up(epoch) || control.saving()) return CompleteOutcome::kDeferred;
      if (!take_deferred(slot)) return CompleteOutcome::kDeferred;  // the saver that gave up was first
    }
    return CompleteOutcome::kDeliver;
  }

  // Done -> Free, by whoever delivered.
  void release(std::uint32_t slot) noexcept {
    // [release] release: all use of the packet, for the next claim of the slot.
    const std::uint64_t old = word(slot).fetch_sub_release(3 * unit(slot));
    VMBSAVE_ASSERT(state(old, slot) == SlotState::kDone);
    (void)old;
  }

  // Likewise of several packets of one word, by whoever delivered them all.
  void release_all(std::uint32_t w, SlotSet slots) noexcept {
    // [release] as there.
    const std::uint64_t old = word_[w].value.fetch_sub_release(3 * slots);
    VMBSAVE_ASSERT((sync::slots_in(old, SlotState::kDone) & slots) == slots);
    (void)old;
  }

  // Deferred -> Done in a word that is not frozen. True: the caller delivers the packet that is in the slot now, then
  // releases it.
  bool take_deferred(std::uint32_t slot) noexcept {
    std::uint64_t found = word(slot).load_relaxed();
    while (state(found, slot) == SlotState::kDeferred && !sync::is_frozen(found)) {
      // [take] acquire: the result of the packet in the slot, which another thread may have completed.
      if (word(slot).compare_exchange_acquire(found, found - unit(slot))) return true;
    }
    return false;
  }

  // ---- the saver
  // ---------------------------------------------------------------------------------------------------------------

  // Sets the frozen bit; gives the word as it was.
  std::uint64_t freeze(std::uint32_t w) noexcept {
    fetch_ahead(w);
    // [freeze] acquire: packets published and results stored before it. release: the epoch, for claims and completions
    // after it.
    return word_[w].value.fetch_add_acq_rel(sync::kFrozenBit);
  }

  // Waits until each slot that was in transit in `frozen` has left that state; gives the set of slots that the save
  // describes. False: `give_up` said so.
  template <class GiveUp>
  bool await_transit(std::uint32_t w, std::uint64_t frozen, SlotSet& members, GiveUp&& give_up) noexcept {
    const SlotSet filling = sync::slots_in(frozen, SlotState::kFilling);
    const SlotSet done = sync::slots_in(frozen, SlotState::kDone);
    members = sync::slots_at_rest(frozen);
    if ((filling | done) == 0) return true;
    for (unsigned round = 0;; ++round) {
      // [await] acquire: what was published or stored by the thread that was in transit.
      const std::uint64_t now = word_[w].value.load_acquire();
      const SlotSet waiting =
          (filling & sync::slots_in(now, SlotState::kFilling)) | (done & sync::slots_in(now, SlotState::kDone));
      if (waiting == 0) {
        members |= (filling | done) & ~sync::slots_in(now, SlotState::kFree);
        return true;
      }
      if (give_up()) return false;
      Atom<std::uint64_t>::wait_round(round);
    }
  }

  // Removes the frozen bit; gives the word as it was.
  std::uint64_t thaw(std::uint32_t w) noexcept {
    fetch_ahead(w);
    // [thaw] release: the idle epoch, for completions that find the word thawed. acquire: results stored while it was
    // frozen.
    const std::uint64_t old = word_[w].value.fetch_sub_acq_rel(sync::kFrozenBit);
    VMBSAVE_ASSERT(sync::is_frozen(old));
    return old;
  }

  // Empties a frozen word and thaws it at once, so that no completion finds it thawed with a packet still in use.
  std::uint64_t clear(std::uint32_t w) noexcept {
    // [clear] release: the saver's use of the packets, for the next claims. acquire: as thaw.
    return word_[w].value.exchange_acq_rel(0);
  }

  // After the table was emptied: the same packets come to lie in the same slots again.
  void forget_hint() noexcept {
    hint_.store_relaxed(0);
    send_hint_.store_relaxed(0);
  }

  // A hint: exact for the thread that alone may complete the packet.
  bool in_use(std::uint32_t slot) const noexcept {
    return state(word_[slot / sync::kSlotsPerWord].value.load_relaxed(), slot) == SlotState::kInUse;
  }

  std::uint64_t load(std::uint32_t w) const noexcept { return word_[w].value.load_relaxed(); }

  // Slots not free; exact only while nobody claims or releases. O(words).
  std::uint32_t count_used() const noexcept { return count_used_between(0, words_); }
  std::uint32_t count_incoming() const noexcept { return count_used_between(0, send_word_); }

  // Packets of the guest that the VSP has not completed, or whose completion is being delivered; one that is left to a
  // saver counts as completed. O(words).
  std::uint32_t count_uncompleted() const noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t w = 0; w < send_word_; ++w) {
      const std::uint64_t now = load(w);
      SlotSet set = sync::slots_in(now, SlotState::kFilling) | sync::slots_in(now, SlotState::kInUse);
      if (!sync::is_frozen(now)) set |= sync::slots_in(now, SlotState::kDone);
      count += sync::count_slots(set);
    }
    return count;
  }

  // Every slot in a named state, none beyond the capacity used. O(words), approximate while others work.
  bool valid() const noexcept {
    for (std::uint32_t w = 0; w < words_; ++w) {
      const std::uint64_t now = load(w);
      SlotSet named = 0;
      for (std::uint64_t s = 0; s <= 4; ++s) named |= sync::slots_in(now, static_cast<SlotState>(s));
      if (named != sync::kAllSlots) return false;
      if ((sync::slots_in(now, SlotState::kFree) | slots_of(w)) != sync::kAllSlots) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kInUseUnits = static_cast<std::uint64_t>(SlotState::kInUse);

  struct alignas(base::kCacheLine) Line {
    Atom<std::uint64_t> value{};
  };

  Atom<std::uint64_t>& word(std::uint32_t slot) noexcept { return word_[slot / sync::kSlotsPerWord].value; }
  static std::uint64_t unit(std::uint32_t slot) noexcept { return sync::slot_unit(slot % sync::kSlotsPerWord); }
  static SlotState state(std::uint64_t word, std::uint32_t slot) noexcept {
    return sync::slot_state(word, slot % sync::kSlotsPerWord);
  }
  static constexpr std::uint32_t words_for(std::uint32_t slots) noexcept {
    return (slots + sync::kSlotsPerWord - 1) / sync::kSlotsPerWord;
  }
  SlotSet slots_of(std::uint32_t w) const noexcept {
    return w < send_word_ ? sync::first_slots(capacity_ - w * sync::kSlotsPerWord)
                          : sync::first_slots(sends_ - (w - send_word_) * sync::kSlotsPerWord);
  }

  SlotSet free_slots(std::uint32_t w, std::uint64_t found) const noexcept {
    return sync::slots_in(found, SlotState::kFree) & slots_of(w);
  }

  // A saver goes through all words in order, and the processor waits for each before it looks at the next.
  void fetch_ahead(std::uint32_t w) const noexcept {
    constexpr std::uint32_t kWords = 8;
    if (w + kWords < words_) base::prefetch_for_write(&word_[w + kWords]);
  }

  std::uint32_t count_used_between(std::uint32_t first, std::uint32_t last) const noexcept {
    std::uint32_t used = 0;
    for (std::uint32_t w = first; w < last; ++w) {
      used += sync::kSlotsPerWord - sync::count_slots(sync::slots_in(load(w), SlotState::kFree));
    }
    return used;
  }

  Claim claim_between(std::uint32_t first, std::uint32_t last, Atom<std::uint32_t>& hint,
                      const Control& control) noexcept {
    return search(first, last, hint, control, [&](std::uint32_t w) { return claim_in(w, control); });
  }

  // claim_one(w) of each word until one has room, from the hint on.
  template <class ClaimOne>
  Claim search(std::uint32_t first, std::uint32_t last, Atom<std::uint32_t>& hint, const Control& control,
               ClaimOne&& claim_one) noexcept {
    if (control.saving()) return {ClaimStatus::kPaused, 0};
    const std::uint32_t words = last - first;
    const std::uint32_t start = hint.load_relaxed();
    for (std::uint32_t i = 0; i < words; ++i) {
      const std::uint32_t w = start + i < words ? start + i : start + i - words;
      const Claim claim = claim_one(first + w);
      if (claim.status != ClaimStatus::kFull) {
        if (i != 0) hint.store_relaxed(w);
        return claim;
      }
    }
    return {ClaimStatus::kFull, 0};
  }

  Claim claim_in(std::uint32_t w, const Control& control) noexcept {
    std::uint64_t found = word_[w].value.load_relaxed();
    for (;;) {
      if (sync::is_frozen(found)) return {ClaimStatus::kPaused, 0};
      const SlotSet free = free_slots(w, found);
      if (free == 0) return {ClaimStatus::kFull, 0};
      const unsigned slot = sync::first_slot(free);
      // [claim] acquire: the last use of the packet is over. Fails only if another operation on the word succeeded.
      if (!word_[w].value.compare_exchange_acquire(found, found + sync::slot_unit(slot))) continue;
      const std::uint32_t claimed = w * sync::kSlotsPerWord + slot;
      if (!control.saving()) return {ClaimStatus::kClaimed, claimed};
      unclaim(claimed);
      return {ClaimStatus::kPaused, 0};
    }
  }

  CompleteOutcome undo_misuse(std::uint32_t slot) noexcept {
    word(slot).fetch_sub_relaxed(unit(slot));
    return CompleteOutcome::kMisuse;
  }

  const std::uint32_t capacity_;
  const std::uint32_t sends_;
  const std::uint32_t send_word_;  // the first of the second part
  const std::uint32_t words_;
  std::unique_ptr<Line[]> word_;
  alignas(base::kCacheLine) Atom<std::uint32_t> hint_{};  // where the last claim succeeded, from its part's first word
  alignas(base::kCacheLine) Atom<std::uint32_t> send_hint_{};
};

}  // namespace vmbsave::packet
