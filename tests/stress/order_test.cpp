// Memory that only one pair of operations orders: threads tell each other that they are there, and nothing else. That
// an order is too weak shows here on a processor that reorders, or under a sanitizer that follows who has seen what.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "mem/arena.hpp"
#include "packet/packet_table.hpp"
#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

// Relaxed on purpose: it orders nothing.
class Sign {
 public:
  void give() noexcept { given_.store(true, std::memory_order_relaxed); }
  void await() const noexcept {
    while (!given_.load(std::memory_order_relaxed)) std::this_thread::yield();
  }

 private:
  std::atomic<bool> given_{false};
};

// [complete] and [take]: the result of a packet that another thread completed.
TEST(Order, WhoTakesADeferredPacketSeesItsResult) {
  for (int round = 0; round < 100; ++round) {
    packet::PacketTable<base::Atomic> table(1);
    packet::PacketTable<base::Atomic>::Control control;
    const std::uint32_t slot = table.claim(control).slot;
    table.publish(slot);
    control.open_epoch();
    int result = 0;
    Sign completed;
    std::thread completer([&] {
      result = 7;
      EXPECT_EQ(table.complete(slot, control), packet::CompleteOutcome::kDeferred);
      completed.give();
    });
    completed.await();
    control.close_epoch();
    EXPECT_TRUE(table.take_deferred(slot));
    EXPECT_EQ(result, 7);
    completer.join();
  }
}

// [complete] and [meet]: whoever waits until nothing is in use may then take away what the VSP has worked with.
TEST(Order, WhoFindsNothingInUseSeesWhatTheVspDid) {
  for (int round = 0; round < 100; ++round) {
    packet::PacketTable<base::Atomic> table(1);
    packet::PacketTable<base::Atomic>::Control control;
    const std::uint32_t slot = table.claim(control).slot;
    table.publish(slot);
    int work = 0;
    int delivered = 0;
    std::thread vsp([&] {
      work = 7;
      EXPECT_EQ(table.complete(slot, control), packet::CompleteOutcome::kDeliver);
      delivered = 8;
      table.release(slot);
    });
    while (table.count_uncompleted() != 0) std::this_thread::yield();
    EXPECT_EQ(table.meet_completions(), 0u);
    EXPECT_EQ(work, 7);
    EXPECT_EQ(delivered, 8);
    vsp.join();
  }
}

// [complete] and [clear]: a packet that the VSP brought goes back to the pool when the destination has taken it, and
// may be used again: its completer is done with it.
TEST(Order, APacketThatGoesBackToThePoolIsNobodysAnyMore) {
  for (int round = 0; round < 100; ++round) {
    TestVm vm(1, {.capacity = 1, .sends = 1, .result_bytes = 8});
    packet::Packet* const packet = vm[0]->allocate();
    TestChannel::state_of(packet) = {1, 4};
    vm[0]->restore(
        1, [&] { ASSERT_EQ(vm[0]->adopt(*packet, packet::Direction::kIncoming), packet::ClaimStatus::kClaimed); });
    ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
    ASSERT_EQ(vm.session.save(), Status::kSuccess);
    Sign completed;
    std::thread completer([&] {
      EXPECT_EQ(vm[0].complete(packet), Status::kSuccess);
      completed.give();
    });
    completed.await();
    vm.session.end(EndMode::kDiscard);
    packet::Packet* const again = vm[0]->allocate();
    EXPECT_EQ(again, packet);
    again->data_bytes = 0;
    vm[0]->free(*again);
    completer.join();
  }
}

// [claim], of a word for a restore, and [release]: a slot whose packet was completed meanwhile is taken again.
TEST(Order, ARestoreTakesASlotWhenItsLastCompletionIsOver) {
  for (int round = 0; round < 100; ++round) {
    TestVm vm(1, {.capacity = 1, .sends = 2, .result_bytes = 8});
    std::thread completer;
    vm[0]->restore(2, [&] {
      packet::Packet* const first = vm[0]->allocate();
      packet::Packet* const second = vm[0]->allocate();
      ASSERT_EQ(vm[0]->adopt(*first, packet::Direction::kIncoming), packet::ClaimStatus::kClaimed);
      completer = std::thread([&] { EXPECT_EQ(vm[0].complete(first), Status::kSuccess); });
      while (vm[0]->table().count_used() != 0) std::this_thread::yield();
      ASSERT_EQ(vm[0]->adopt(*second, packet::Direction::kIncoming), packet::ClaimStatus::kClaimed);
    });
    completer.join();
    EXPECT_EQ(vm[0]->table().count_used(), 1u);
  }
}

// [enter] and [leave]: a channel that another thread has added, and the saver's list of channels.
TEST(Order, ASaverSeesTheChannelsThatCameBefore) {
  for (int round = 0; round < 20; ++round) {
    TestVm vm(1);
    std::unique_ptr<TestChannel> late;
    Sign attached;
    Sign saved;
    std::thread host([&] {
      late = std::make_unique<TestChannel>(vm.vm, packet::ChannelConfig{.capacity = 4});
      attached.give();
      saved.await();
    });
    attached.await();
    ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
    EXPECT_EQ(vm.session.report().channels, 2u);
    ASSERT_EQ(vm.session.save(), Status::kSuccess);
    vm.session.end(EndMode::kResume);
    saved.give();
    host.join();
    late.reset();
  }
}

// [finish]: who seals a channel sees what the other workers have saved of it.
TEST(Order, WhoSealsAChannelSeesEveryBlock) {
  const auto executor = make_thread_executor(2);
  TestVm vm(1, {.concurrent_callbacks = true});
  for (std::uint64_t id = 0; id < 3000; ++id) vm[0].receive(id, 16);
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(vm.session.begin({.executor = executor.get(), .serial_below = 0}), Status::kSuccess);
    ASSERT_EQ(vm.session.save(), Status::kSuccess);
    vm.session.end(EndMode::kResume);
  }
}

// [room]: what a worker gives back of its stretch it has written to.
TEST(Order, WhoGetsWhatWasGivenBackHasItAlone) {
  constexpr std::uint64_t kStretch = 4096;
  mem::Arena<base::Atomic> arena;
  ASSERT_TRUE(arena.ensure(kStretch));
  // By turns, which nothing but the arena orders: who had it last leaves it alone until the other has had it.
  std::atomic<int> turn{0};
  const auto work = [&](int self) {
    for (int round = 0; round < 100; ++round) {
      while (turn.load(std::memory_order_relaxed) != self) std::this_thread::yield();
      mem::Stretch<base::Atomic> stretch(arena, kStretch, kStretch);
      const auto [offset, bytes] = stretch.room();
      EXPECT_EQ(bytes, kStretch);
      std::memset(arena.data() + offset, round, bytes);
      stretch.close();
      turn.store(1 - self, std::memory_order_relaxed);
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  EXPECT_EQ(arena.used(), 0u);
}

// Of failures at the same time one is reported, and it is whole.
TEST(Order, OneOfTwoFailuresIsReported) {
  const auto executor = make_thread_executor(2);
  TestVm vm(2, {.concurrent_callbacks = true});
  std::atomic<int> here{0};
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::uint64_t i = 0; i < 400; ++i) vm[c].receive(c * 1000 + i, 16);  // more than a worker takes at once
    vm[c].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
      here.fetch_add(1, std::memory_order_relaxed);
      while (here.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
      return static_cast<std::int32_t>(Status::kUnsuccessful);
    };
  }
  for (int round = 0; round < 20; ++round) {
    here.store(0, std::memory_order_relaxed);
    ASSERT_EQ(vm.session.begin({.executor = executor.get(), .plan = SavePlan::kExact, .serial_below = 0}),
              Status::kSuccess);
    ASSERT_EQ(vm.session.save(), Status::kUnsuccessful);
    const SaveFailure failure = vm.session.report().failure;
    EXPECT_EQ(failure.transaction_id / 1000, failure.channel);
    vm.session.end(EndMode::kResume);
  }
}

}  // namespace
}  // namespace vmbsave::test
