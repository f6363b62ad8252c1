#include "packet/packet_table.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/atomic.hpp"

namespace vmbsave::packet {
namespace {

using Table = PacketTable<base::Atomic>;
using Control = Table::Control;

constexpr auto kNever = [] { return false; };
constexpr auto kAtOnce = [] { return true; };

std::uint32_t acquire(Table& table, const Control& control) {
  const Claim claim = table.claim(control);
  EXPECT_EQ(claim.status, ClaimStatus::kClaimed);
  table.publish(claim.slot);
  return claim.slot;
}

TEST(PacketTable, HoldsExactlyItsCapacity) {
  for (const std::uint32_t capacity : {1u, 20u, 21u, 22u, 42u, 43u, 4096u}) {
    Control control;
    Table table(capacity);
    std::set<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < capacity; ++i) slots.insert(acquire(table, control));
    EXPECT_EQ(slots.size(), capacity);
    EXPECT_EQ(*slots.rbegin(), capacity - 1);
    EXPECT_EQ(table.claim(control).status, ClaimStatus::kFull);
    EXPECT_EQ(table.count_used(), capacity);
    EXPECT_TRUE(table.valid());
  }
}

TEST(PacketTable, CompletedSlotsAreClaimedAgain) {
  Control control;
  Table table(22);
  for (int round = 0; round < 100; ++round) {
    for (std::uint32_t i = 0; i < 22; ++i) acquire(table, control);
    for (std::uint32_t slot = 0; slot < 22; ++slot) {
      ASSERT_EQ(table.complete(slot, control), CompleteOutcome::kDeliver);
      table.release(slot);
    }
    ASSERT_EQ(table.count_used(), 0u);
  }
}

TEST(PacketTable, WithoutItsHintAnEmptyTableIsFilledFromItsStart) {
  Control control;
  Table table(42);
  for (std::uint32_t i = 0; i < 42; ++i) ASSERT_EQ(acquire(table, control), i);
  (void)table.freeze(0);
  (void)table.clear(0);
  (void)table.freeze(1);
  (void)table.clear(1);
  EXPECT_EQ(acquire(table, control), 21u) << "where the last one was found";
  table.forget_hint();
  EXPECT_EQ(acquire(table, control), 0u);
}

TEST(PacketTable, UnclaimedSlotIsFree) {
  Control control;
  Table table(1);
  table.unclaim(table.claim(control).slot);
  EXPECT_EQ(table.count_used(), 0u);
  acquire(table, control);
}

TEST(PacketTable, NothingIsClaimedWhileASaveRuns) {
  Control control;
  Table table(42);
  control.open_epoch();
  EXPECT_EQ(table.claim(control).status, ClaimStatus::kPaused);
  control.close_epoch();
  table.freeze(0);
  EXPECT_EQ(table.claim(control).status, ClaimStatus::kPaused);
  table.thaw(0);
  EXPECT_EQ(table.claim(control).status, ClaimStatus::kClaimed);
}

TEST(PacketTable, WhatIsCompletedCountsAsLeavingBeforeItIsReleased) {
  Control control;
  Table table(30);
  std::vector<std::uint32_t> slots;
  for (int i = 0; i < 30; ++i) {
    slots.push_back(table.claim(control).slot);
    table.publish(slots.back());
  }
  EXPECT_EQ(table.meet_completions(), 30u);
  ASSERT_EQ(table.complete(slots[3], control), CompleteOutcome::kDeliver);
  EXPECT_EQ(table.claim(control).status, ClaimStatus::kFull);
  EXPECT_EQ(table.meet_completions(), 29u) << "a reader waits for this slot, and need not be woken";
  table.release(slots[3]);
  EXPECT_EQ(table.meet_completions(), 29u);
  (void)table.freeze(0);
  ASSERT_EQ(table.complete(slots[4], control), CompleteOutcome::kDeferred);
  EXPECT_EQ(table.meet_completions(), 29u) << "it waits for the saver";
}

TEST(PacketTable, CompletionInAFrozenWordIsLeftToTheSaver) {
  Control control;
  Table table(21);
  const std::uint32_t slot = acquire(table, control);
  control.open_epoch();
  EXPECT_FALSE(sync::is_frozen(table.freeze(0)));
  EXPECT_EQ(table.complete(slot, control), CompleteOutcome::kDeferred);
  control.close_epoch();
  EXPECT_EQ(sync::slot_state(table.thaw(0), slot), SlotState::kDone);
  table.release(slot);
  EXPECT_EQ(table.count_used(), 0u);
}

TEST(PacketTable, CompletionBetweenCutAndFreezeIsDeferred) {
  Control control;
  Table table(21);
  const std::uint32_t slot = acquire(table, control);
  control.open_epoch();
  EXPECT_EQ(table.complete(slot, control), CompleteOutcome::kDeferred);
  const std::uint64_t frozen = table.freeze(0);
  EXPECT_EQ(sync::slot_state(frozen, slot), SlotState::kDeferred);
  SlotSet members = 0;
  EXPECT_TRUE(table.await_transit(0, frozen, members, kNever));
  EXPECT_EQ(members, sync::slot_unit(slot));
  control.close_epoch();
  EXPECT_EQ(sync::slot_state(table.thaw(0), slot), SlotState::kDeferred);
  (void)table.freeze(0);
  EXPECT_FALSE(table.take_deferred(slot)) << "the next save describes it";
  (void)table.thaw(0);
  EXPECT_TRUE(table.take_deferred(slot));
  EXPECT_FALSE(table.take_deferred(slot)) << "taken twice";
  table.release(slot);
  EXPECT_EQ(table.count_used(), 0u);
}

TEST(PacketTable, SlotsInTransitAreWaitedFor) {
  Control control;
  Table table(21);
  const std::uint32_t in_use = acquire(table, control);
  const std::uint32_t filling = table.claim(control).slot;
  const std::uint32_t delivering = acquire(table, control);
  ASSERT_EQ(table.complete(delivering, control), CompleteOutcome::kDeliver);
  control.open_epoch();
  const std::uint64_t frozen = table.freeze(0);
  SlotSet members = 0;
  EXPECT_FALSE(table.await_transit(0, frozen, members, kAtOnce));
  table.publish(filling);
  EXPECT_FALSE(table.await_transit(0, frozen, members, kAtOnce));
  table.release(delivering);
  EXPECT_TRUE(table.await_transit(0, frozen, members, kAtOnce));
  EXPECT_EQ(members, sync::slot_unit(in_use) | sync::slot_unit(filling)) << "the delivered packet is not saved";
}

TEST(PacketTable, FilledThenCompletedInAFrozenWordIsStillSaved) {
  Control control;
  Table table(21);
  const std::uint32_t slot = table.claim(control).slot;
  control.open_epoch();
  const std::uint64_t frozen = table.freeze(0);
  table.publish(slot);
  EXPECT_EQ(table.complete(slot, control), CompleteOutcome::kDeferred);
  SlotSet members = 0;
  EXPECT_TRUE(table.await_transit(0, frozen, members, kAtOnce));
  EXPECT_EQ(members, sync::slot_unit(slot));
}

TEST(PacketTable, DoubleCompletionIsReportedAndChangesNothing) {
  Control control;
  Table table(21);
  const std::uint32_t slot = acquire(table, control);
  const std::uint32_t other = acquire(table, control);
  ASSERT_EQ(table.complete(slot, control), CompleteOutcome::kDeliver);
  table.release(slot);
  const std::uint64_t before = table.load(0);
  EXPECT_EQ(table.complete(slot, control), CompleteOutcome::kMisuse);
  EXPECT_EQ(table.load(0), before);
  EXPECT_EQ(table.complete(other, control), CompleteOutcome::kDeliver);
}

TEST(PacketTable, ClearEmptiesAndThawsAtOnce) {
  Control control;
  Table table(21);
  const std::uint32_t slot = acquire(table, control);
  control.open_epoch();
  table.freeze(0);
  table.clear(0);
  EXPECT_EQ(table.load(0), 0u);
  EXPECT_EQ(table.complete(slot, control), CompleteOutcome::kMisuse) << "a discarded packet is nobody's";
}

TEST(SaveControl, OneSaveAtATime) {
  Control control;
  EXPECT_TRUE(control.try_enter());
  EXPECT_FALSE(control.try_enter());
  control.leave();
  EXPECT_TRUE(control.try_enter());
}

}  // namespace
}  // namespace vmbsave::packet
