// packed_word.hpp: 21 slots of 3 bits and one frozen bit in a 64-bit word; pure functions on its value.
//
//   Free 0 -> Filling 1 -> InUse 2 -> Done 3 -> Free      a packet's life on a running channel
//                          InUse 2 -> Done 3              completed in a frozen word: the saver delivers it
//                          InUse 2 -> Done 3 -> Deferred 4  completed while a save runs, word not frozen: the saver
//                          delivers it
//   Free 0 ------------------> InUse 2                a packet that is restored, before the channel starts
//
// Every transition but the claim is an addition, so that no neighbour is read. The frozen bit is the top one: adding it
// carries into nothing. Filling and Done in a word that is not frozen are in transit: short, owned by one thread.
#pragma once

#include <bit>
#include <cstdint>

namespace vmbsave::sync {

enum class SlotState : std::uint64_t { kFree = 0, kFilling = 1, kInUse = 2, kDone = 3, kDeferred = 4 };

inline constexpr unsigned kSlotsPerWord = 21;
inline constexpr unsigned kBitsPerSlot = 3;
inline constexpr std::uint64_t kFrozenBit = std::uint64_t{1} << 63;

// A set of slots of one word: the lowest bit of each member's group.
using SlotSet = std::uint64_t;
inline constexpr SlotSet kAllSlots = 0x1249249249249249u;

constexpr std::uint64_t slot_unit(unsigned slot) noexcept { return std::uint64_t{1} << (kBitsPerSlot * slot); }
constexpr bool is_frozen(std::uint64_t word) noexcept { return (word & kFrozenBit) != 0; }

constexpr SlotState slot_state(std::uint64_t word, unsigned slot) noexcept {
  return static_cast<SlotState>((word >> (kBitsPerSlot * slot)) & 7);
}

// Slots in `state`: a group is zero after the exclusive or exactly if it held that state.
constexpr SlotSet slots_in(std::uint64_t word, SlotState state) noexcept {
  const std::uint64_t other = word ^ (kAllSlots * static_cast<std::uint64_t>(state));
  return ~(other | (other >> 1) | (other >> 2)) & kAllSlots;
}

// Of a word that was just frozen: slots that a thread is filling or delivering, and those that are in use and stay so.
// By the bits of the states, because every word of a save is looked at.
constexpr SlotSet slots_in_transit(std::uint64_t word) noexcept { return word & kAllSlots; }
constexpr SlotSet slots_at_rest(std::uint64_t word) noexcept { return (word >> 1 | word >> 2) & ~word & kAllSlots; }

// The slots 0 .. count-1, for the last word of a table.
constexpr SlotSet first_slots(unsigned count) noexcept {
  return count >= kSlotsPerWord ? kAllSlots : kAllSlots & (slot_unit(count) - 1);
}

constexpr unsigned count_slots(SlotSet set) noexcept { return static_cast<unsigned>(std::popcount(set)); }
constexpr unsigned first_slot(SlotSet set) noexcept {
  return static_cast<unsigned>(std::countr_zero(set)) / kBitsPerSlot;
}

// Calls visit(slot) for each member, ascending.
template <class Visit>
constexpr void for_each_slot(SlotSet set, Visit&& visit) {
  for (; set != 0; set &= set - 1) visit(first_slot(set));
}

constexpr bool moves(SlotState state) noexcept { return slots_in_transit(static_cast<std::uint64_t>(state)) != 0; }
constexpr bool rests(SlotState state) noexcept { return slots_at_rest(static_cast<std::uint64_t>(state)) != 0; }
static_assert(moves(SlotState::kFilling) && moves(SlotState::kDone) && !moves(SlotState::kFree) &&
              !moves(SlotState::kInUse) && !moves(SlotState::kDeferred));
static_assert(rests(SlotState::kInUse) && rests(SlotState::kDeferred) && !rests(SlotState::kFree) &&
              !rests(SlotState::kFilling) && !rests(SlotState::kDone));
static_assert(count_slots(kAllSlots) == kSlotsPerWord);
static_assert((kAllSlots * 7 & kFrozenBit) == 0, "the frozen bit is outside every slot");

}  // namespace vmbsave::sync
