#include "sync/packed_word.hpp"

#include <gtest/gtest.h>

namespace vmbsave::sync {
namespace {

// Every slot in each state, all others in each state: 21 x 5 x 5 words.
TEST(PackedWord, FindsEachStateBesideAnyNeighbours) {
  for (unsigned slot = 0; slot < kSlotsPerWord; ++slot) {
    for (std::uint64_t own = 0; own <= 4; ++own) {
      for (std::uint64_t others = 0; others <= 4; ++others) {
        const std::uint64_t word =
            (kAllSlots * others - slot_unit(slot) * others + slot_unit(slot) * own) | (slot % 2 ? kFrozenBit : 0);
        EXPECT_EQ(slot_state(word, slot), static_cast<SlotState>(own));
        EXPECT_EQ(slots_in(word, static_cast<SlotState>(own)) & slot_unit(slot), slot_unit(slot));
        if (own != others) {
          EXPECT_EQ(slots_in(word, static_cast<SlotState>(own)), slot_unit(slot));
        }
      }
    }
  }
}

TEST(PackedWord, FrozenBitIsNoPartOfAnySlot) {
  for (std::uint64_t state = 0; state <= 4; ++state) {
    const std::uint64_t word = kAllSlots * state;
    EXPECT_FALSE(is_frozen(word));
    EXPECT_TRUE(is_frozen(word + kFrozenBit));
    EXPECT_EQ(slots_in(word + kFrozenBit, static_cast<SlotState>(state)), kAllSlots);
    EXPECT_EQ(word + kFrozenBit - kFrozenBit, word);
  }
}

TEST(PackedWord, FirstSlotsAreAsManyAsAsked) {
  for (unsigned count = 0; count <= kSlotsPerWord + 1; ++count) {
    EXPECT_EQ(count_slots(first_slots(count)), count < kSlotsPerWord ? count : kSlotsPerWord);
    if (count > 0) {
      EXPECT_EQ(first_slot(first_slots(count)), 0u);
    }
  }
}

TEST(PackedWord, VisitsMembersInAscendingOrder) {
  std::vector<unsigned> seen;
  for_each_slot(slot_unit(20) | slot_unit(0) | slot_unit(7), [&](unsigned slot) { seen.push_back(slot); });
  EXPECT_EQ(seen, (std::vector<unsigned>{0, 7, 20}));
}

}  // namespace
}  // namespace vmbsave::sync
