#include "save/session.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

constexpr std::int32_t kFail = static_cast<std::int32_t>(Status::kInsufficientResources);

std::vector<std::uint64_t> ids(const std::vector<SavedPacket>& packets) {
  std::vector<std::uint64_t> ids;
  for (const SavedPacket& packet : packets) ids.push_back(packet.id);
  return ids;
}

// packets per channel, state sizes that vary with the id (0 for every fifth), over several channels.
void fill(TestVm& vm, std::uint32_t packets, bool stateless = false) {
  for (std::size_t c = 0; c < vm.size(); ++c) {
    for (std::uint32_t i = 0; i < packets; ++i) {
      const std::uint64_t id = c * 1'000'000 + i;
      const std::uint32_t bytes = stateless || id % 5 == 0 ? 0 : 1 + static_cast<std::uint32_t>(id * 37 % 300);
      ASSERT_NE(vm[c].receive(id, bytes), nullptr);
    }
  }
}

void expect_states(const std::vector<SavedPacket>& packets) {
  for (const SavedPacket& packet : packets) {
    for (std::uint32_t i = 0; i < packet.state.size(); ++i) ASSERT_EQ(packet.state[i], state_byte(packet.id, i));
  }
}

struct Shape {
  unsigned channels;
  std::uint32_t packets;
  bool stateless;
  bool concurrent;
  unsigned threads;
};

void PrintTo(const Shape& s, std::ostream* out) {
  *out << s.channels << " channels, " << s.packets << " packets" << (s.stateless ? ", stateless" : "")
       << (s.concurrent ? ", concurrent" : "") << ", " << s.threads << " threads";
}

class SaveRestore : public testing::TestWithParam<Shape> {};

TEST_P(SaveRestore, RoundTrip) {
  const Shape shape = GetParam();
  const packet::ChannelConfig config{.concurrent_callbacks = shape.concurrent};
  const auto executor = make_thread_executor(shape.threads);
  TestVm source(shape.channels, config);
  fill(source, shape.packets, shape.stateless);
  const auto saved = save_packets(source, executor.get());
  ASSERT_EQ(saved.size(), std::size_t{shape.channels} * shape.packets);
  EXPECT_EQ(source.session.report().packets, saved.size());
  EXPECT_TRUE(std::is_sorted(saved.begin(), saved.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.channel, a.sequence) < std::tuple(b.channel, b.sequence);
  }));
  expect_states(saved);

  TestVm destination(shape.channels, config);
  const auto report = restore::restore_image(destination.vm, image_of(source), {.executor = executor.get()});
  ASSERT_EQ(report.status, Status::kSuccess) << status_name(report.status);
  EXPECT_EQ(report.packets, saved.size());
  source.session.end(EndMode::kResume);
  EXPECT_EQ(source.in_use(), saved.size());

  EXPECT_EQ(save_packets(destination, executor.get()), saved);
  destination.session.end(EndMode::kResume);
  for (std::size_t c = 0; c < destination.size(); ++c) {
    EXPECT_TRUE(std::is_sorted(destination[c].restored_order.begin(), destination[c].restored_order.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, SaveRestore,
                         testing::Values(Shape{1, 0, false, false, 1}, Shape{1, 1, false, false, 1},
                                         Shape{1, 63, false, false, 1}, Shape{1, 64, false, false, 1},
                                         Shape{1, 4096, false, false, 1}, Shape{1, 4096, false, true, 2},
                                         Shape{1, 4096, true, false, 1}, Shape{200, 3, false, false, 1},
                                         Shape{200, 64, false, true, 2}, Shape{200, 0, false, false, 2},
                                         Shape{7, 100, false, false, 3}));

TEST(SaveSession, SameBytesWithAnyThreads) {
  TestVm vm(5, {.concurrent_callbacks = true});
  fill(vm, 500);
  save_packets(vm);
  const std::vector<std::byte> serial = image_of(vm);
  vm.session.end(EndMode::kResume);
  for (const unsigned threads : {1u, 2u, 4u}) {
    const auto executor = make_thread_executor(threads);
    save_packets(vm, executor.get());
    EXPECT_EQ(image_of(vm), serial) << threads << " threads";
    vm.session.end(EndMode::kResume);
  }
}

TEST(SaveSession, SecondSaveGivesTheSamePackets) {
  TestVm vm;
  fill(vm, 100);
  const auto first = save_packets(vm);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(save_packets(vm), first);
  vm.session.end(EndMode::kResume);
}

TEST(SaveSession, OrderOfArrivalSurvivesReusedSlots) {
  TestVm vm;
  std::vector<packet::Packet*> packets;
  for (std::uint64_t id = 0; id < 60; ++id) packets.push_back(vm[0].receive(id, 8));
  for (std::size_t i = 0; i < packets.size(); i += 2) ASSERT_EQ(vm[0].complete(packets[i]), Status::kSuccess);
  for (std::uint64_t id = 100; id < 140; ++id) vm[0].receive(id, 8);
  const auto saved = save_packets(vm);
  vm.session.end(EndMode::kResume);
  std::vector<std::uint64_t> expected;
  for (std::uint64_t id = 1; id < 60; id += 2) expected.push_back(id);
  for (std::uint64_t id = 100; id < 140; ++id) expected.push_back(id);
  EXPECT_EQ(ids(saved), expected);
}

TEST(SaveSession, CompletionDuringASaveReachesTheGuestAtItsEnd) {
  TestVm vm;
  packet::Packet* const packet = vm[0].receive(7, 10);
  vm[0].receive(8, 10);
  EXPECT_EQ(save_packets(vm).size(), 2u);
  EXPECT_EQ(vm[0].complete(packet, 42), Status::kSuccess);
  EXPECT_EQ(vm[0].complete(packet, 43), Status::kInvalidDeviceState) << "completed twice: the first result counts";
  EXPECT_TRUE(vm[0].completions().empty());
  EXPECT_EQ(vm[0].receive(9, 1), nullptr) << "no new packet while a save runs";
  vm.session.end(EndMode::kResume);
  ASSERT_EQ(vm[0].completions().size(), 1u);
  EXPECT_EQ(vm[0].completions()[0].transaction_id, 7u);
  EXPECT_EQ(vm[0].completions()[0].result, std::vector<std::uint8_t>{42});
  EXPECT_EQ(vm.session.report().deferred_delivered, 1u);
  EXPECT_EQ(vm.in_use(), 1u);
}

TEST(SaveSession, DiscardDeliversNothingAndLeavesTheChannelEmpty) {
  TestVm vm(2);
  packet::Packet* const completed = vm[0].receive(1, 10);
  packet::Packet* const late = vm[0].receive(2, 10);
  vm[1].receive(3, 0);
  EXPECT_EQ(save_packets(vm).size(), 3u);
  EXPECT_EQ(vm[0].complete(completed), Status::kSuccess);
  vm.session.end(EndMode::kDiscard);
  EXPECT_TRUE(vm[0].completions().empty());
  EXPECT_EQ(vm.in_use(), 0u);
  EXPECT_EQ(vm[0].complete(late), Status::kInvalidDeviceState);
  EXPECT_TRUE(vm[0].completions().empty());
  EXPECT_NE(vm[0].receive(4, 1), nullptr) << "the channel is usable";
}

// Fails the save at each packet in each pass; afterwards each packet is in use once and the next save holds all.
TEST(SaveSession, AbortLeavesEachPacketInUseOnce) {
  for (const bool second_call : {false, true}) {
    for (std::uint64_t victim = 0; victim < 45; victim += 11) {
      TestVm vm(2, {.concurrent_callbacks = true});
      std::vector<packet::Packet*> packets;
      for (std::uint64_t id = 0; id < 45; ++id) packets.push_back(vm[id % 2].receive(id, 20));
      for (int c = 0; c < 2; ++c) {
        vm[static_cast<std::size_t>(c)].save_hook = [&](std::uint64_t id, void*, std::uint32_t size, std::uint32_t*) {
          return id == victim && (size != 0) == second_call ? kFail : TestChannel::kPassOn;
        };
      }
      ASSERT_EQ(vm.session.begin({.plan = SavePlan::kExact}), Status::kSuccess);
      ASSERT_EQ(vm[0].complete(packets[0], 9), Status::kSuccess);
      EXPECT_EQ(vm.session.save(), Status::kInsufficientResources);
      EXPECT_EQ(vm.session.report().failure.transaction_id, victim);
      EXPECT_EQ(vm.session.report().failure.phase, second_call ? SavePhase::kSave : SavePhase::kSize);
      vm.session.end(EndMode::kResume);
      EXPECT_EQ(vm.in_use(), 44u);
      ASSERT_EQ(vm[0].completions().size(), 1u);
      vm[0].save_hook = vm[1].save_hook = nullptr;
      EXPECT_EQ(save_packets(vm).size(), 44u);
      vm.session.end(EndMode::kResume);
      for (std::size_t i = 1; i < packets.size(); ++i) ASSERT_EQ(vm[i % 2].complete(packets[i]), Status::kSuccess);
      EXPECT_EQ(vm.in_use(), 0u);
      EXPECT_EQ(vm[0].completions().size() + vm[1].completions().size(), 45u);
    }
  }
}

TEST(SaveSession, AfterAFailureNoFurtherBlockIsStarted) {
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    TestVm vm(4);
    fill(vm, 50);
    unsigned calls = 0;
    unsigned others = 0;
    vm[0].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) { return ++calls, kFail; };
    for (std::size_t c = 1; c < 4; ++c) {
      vm[c].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
        return ++others, TestChannel::kPassOn;
      };
    }
    ASSERT_EQ(vm.session.begin({.plan = plan}), Status::kSuccess);
    EXPECT_EQ(vm.session.save(), Status::kInsufficientResources);
    EXPECT_EQ(calls, 1u);
    EXPECT_EQ(others, 0u);
    vm.session.end(EndMode::kResume);
  }
}

// Likewise what another worker is at: it ends with the block in its hands.
TEST(SaveSession, AFailureElsewhereEndsAWorkersUnit) {
  const auto executor = make_thread_executor(2);
  TestVm vm(2);
  vm[0].receive(0, 8);
  for (std::uint64_t i = 0; i < 10 * image::kBlockPackets; ++i) vm[1].receive(i, 8);
  std::atomic<bool> both = false;
  std::atomic<bool> failing = false;
  vm[0].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
    while (!both) std::this_thread::yield();
    failing = true;
    return kFail;
  };
  unsigned calls = 0;
  vm[1].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
    both = true;
    while (!failing) std::this_thread::yield();
    if (calls++ % image::kBlockPackets == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return TestChannel::kPassOn;
  };
  ASSERT_EQ(vm.session.begin({.executor = executor.get(), .plan = SavePlan::kExact, .serial_below = 0}),
            Status::kSuccess);
  EXPECT_EQ(vm.session.save(), Status::kInsufficientResources);
  EXPECT_LT(calls, 10 * image::kBlockPackets);
  vm.session.end(EndMode::kResume);
}

// A channel whose callbacks run one after another is nobody's before its first one: who is busy with another channel
// does not keep it from a thread that is idle, also if that channel's callbacks are concurrent.
TEST(SaveSession, AChannelIsNotKeptFromAnIdleThread) {
  const auto executor = make_thread_executor(2);
  TestVm vm(0);
  std::vector<std::unique_ptr<TestChannel>> channels;
  for (std::uint64_t c = 0; c < 4; ++c) {
    channels.push_back(std::make_unique<TestChannel>(vm.vm, packet::ChannelConfig{.concurrent_callbacks = c == 0}));
    channels.back()->receive(c, 8);
  }
  std::atomic<bool> second = false;
  channels[1]->save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
    second = true;
    return TestChannel::kPassOn;
  };
  channels[0]->save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
    while (!second) std::this_thread::yield();
    return TestChannel::kPassOn;
  };
  save_packets(vm, {.executor = executor.get(), .plan = SavePlan::kFused, .serial_below = 0});
  EXPECT_TRUE(second);
  vm.session.end(EndMode::kResume);
}

// Blocks of packets with 32 bytes each fill their chunk to its last byte: what is written behind the last of them is
// the next chunk's, which another thread may have finished by then.
TEST(SaveSession, AFullChunkEndsWhereTheNextOneBegins) {
  constexpr std::uint64_t kFirstUnit = save::kBlocksAtOnce * image::kBlockPackets;
  constexpr std::uint64_t kPackets = kFirstUnit + 2 * image::kBlockPackets;
  const auto executor = make_thread_executor(2);
  TestVm vm(1, {.capacity = kPackets, .result_bytes = 8, .concurrent_callbacks = true});
  for (std::uint64_t i = 0; i < kPackets; ++i) vm[0].receive(i, 32);
  const auto save = [&] {
    save_packets(vm, {.executor = executor.get(), .plan = SavePlan::kExact, .serial_below = 0});
    std::vector<std::byte> bytes = image_of(vm);
    vm.session.end(EndMode::kResume);
    return bytes;
  };
  const std::vector<std::byte> expected = save();
  std::atomic<bool> next_is_there = false;
  vm[0].save_hook = [&](std::uint64_t id, void*, std::uint32_t size, std::uint32_t*) {
    if (size == 0) return TestChannel::kPassOn;
    if (id == kFirstUnit + image::kBlockPackets) next_is_there = true;  // the block before it is whole
    while (id == 0 && !next_is_there) std::this_thread::yield();
    return TestChannel::kPassOn;
  };
  EXPECT_EQ(save(), expected);
}

// A channel's own mark says what the next end does with it, not those after it.
TEST(SaveSession, AChannelIsDiscardedByOneEndOnly) {
  TestVm vm(2);
  fill(vm, 3);
  vm[0]->discard_on_end.store_relaxed(true);
  save_packets(vm);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ((*vm[0]).table().count_used(), 0u);
  EXPECT_EQ((*vm[1]).table().count_used(), 3u);
  vm[0].receive(7, 8);
  save_packets(vm);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ((*vm[0]).table().count_used(), 1u);
}

// A word whose only packet was being delivered at the cut has no block.
TEST(SaveSession, APacketThatIsDeliveredAtTheCutLeavesNoBlock) {
  TestVm vm(1, {.result_bytes = 8});
  packet::Packet* const packet = vm[0].receive(1, 8);
  std::atomic<bool> delivering = false;
  vm[0].on_delivered = [&](std::uint64_t) {
    delivering = true;
    while (!sync::is_frozen((*vm[0]).table().load(0))) std::this_thread::yield();
  };
  std::thread vsp([&] { EXPECT_EQ(vm[0].complete(packet), Status::kSuccess); });
  while (!delivering) std::this_thread::yield();
  EXPECT_TRUE(save_packets(vm).empty());
  const std::vector<std::byte> image = image_of(vm);
  vm.session.end(EndMode::kResume);
  vsp.join();
  TestVm destination;
  EXPECT_EQ(restore::restore_image(destination.vm, image, {}).status, Status::kSuccess);
}

// None begins; one that did would show here and nowhere else.
TEST(SaveSession, ABlockThatBeginsInSpiteOfAStopIsCounted) {
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    for (const bool by_deadline : {false, true}) {
      TestVm vm(4);
      fill(vm, 50);
      CancelToken token;
      vm[0].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
        if (!by_deadline) token.cancel();
        return TestChannel::kPassOn;
      };
      SaveOptions options{.plan = plan};
      if (by_deadline) options.deadline_ns = 1;
      if (!by_deadline) options.cancel = &token;
      ASSERT_EQ(vm.session.begin(options), Status::kSuccess);
      (void)vm.session.save();
      EXPECT_GT(vm.session.report().stop_ns, 0u) << "a thread has seen it";
      EXPECT_EQ(vm.session.report().blocks_after_stop, 0u) << plan_name(plan) << ", deadline " << by_deadline;
      vm.session.end(EndMode::kResume);
    }
  }
}

// Whoever reads the image meanwhile is waited for only where it moves.
TEST(SaveSession, AnImageThatHasRoomDoesNotMove) {
  struct Observer final : save::SealObserver {
    void sealed(std::uint32_t) noexcept override {}
    void before_move() noexcept override { ++moves; }
    void after_move() noexcept override {}
    unsigned moves = 0;
  };
  TestVm vm(3);
  fill(vm, 400);
  for (const bool warm : {false, true}) {
    Observer observer;
    ASSERT_EQ(vm.session.begin({.plan = SavePlan::kFused}), Status::kSuccess);
    EXPECT_EQ(vm.session.save(&observer), Status::kSuccess);
    EXPECT_EQ(observer.moves == 0, warm) << observer.moves;
    vm.session.end(EndMode::kResume);
  }
}

TEST(SaveSession, CancelledNoFurtherBlockIsStarted) {
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    TestVm vm(4);
    fill(vm, 50);
    CancelToken token;
    unsigned others = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      vm[c].save_hook = [&, c](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
        if (c == 0) token.cancel();
        if (c != 0) ++others;
        return TestChannel::kPassOn;
      };
    }
    ASSERT_EQ(vm.session.begin({.cancel = &token, .plan = plan}), Status::kSuccess);
    EXPECT_EQ(vm.session.save(), Status::kCancelled);
    EXPECT_EQ(others, 0u);
    EXPECT_GT(vm.session.report().stop_ns, 0u);
    EXPECT_EQ(vm.session.report().blocks_after_stop, 0u);
    vm.session.end(EndMode::kResume);
    for (std::size_t c = 0; c < 4; ++c) vm[c].save_hook = nullptr;
    EXPECT_EQ(save_packets(vm).size(), 200u);
    vm.session.end(EndMode::kResume);
  }
}

TEST(SaveSession, ExceptionOfACallbackFailsTheSaveOnly) {
  TestVm vm;
  vm[0].receive(1, 10);
  vm[0].save_hook = [](std::uint64_t, void*, std::uint32_t, std::uint32_t*) -> std::int32_t {
    throw std::runtime_error("VSP");
  };
  ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(vm.session.save(), Status::kUnhandledException);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(vm.in_use(), 1u);
}

TEST(SaveSession, OrderOfCalls) {
  TestVm vm;
  EXPECT_EQ(vm.session.save(), Status::kInvalidDeviceState);
  vm.session.end(EndMode::kResume);
  ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(vm.session.begin({}), Status::kInvalidDeviceState);
  save::SaveSession other(vm.vm);
  EXPECT_EQ(other.begin({}), Status::kDeviceBusy);
  ASSERT_EQ(vm.session.save(), Status::kSuccess);
  EXPECT_EQ(vm.session.save(), Status::kInvalidDeviceState);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(other.begin({}), Status::kSuccess);
  other.end(EndMode::kResume);
}

TEST(SaveSession, PacketsInUseWithoutSavePacketFailTheBegin) {
  packet::Vm vm;
  save::SaveSession session(vm);
  TestChannel channel(vm, {}, false);
  ASSERT_EQ(session.begin({}), Status::kSuccess) << "nothing to save";
  session.end(EndMode::kResume);
  packet::Packet* const packet = channel.receive(1, 0);
  EXPECT_EQ(session.begin({}), Status::kInvalidDeviceState);
  EXPECT_FALSE(session.begun());
  EXPECT_EQ(channel.complete(packet), Status::kSuccess);
  EXPECT_EQ(channel.completions().size(), 1u) << "the channel goes on";
}

// A thread that stays in transit outlasts the deadline; begin gives up, and nothing is lost.
TEST(SaveSession, DeadlineEndsTheWaitForSlotsInTransit) {
  TestVm vm;
  packet::Packet* const in_use = vm[0].receive(1, 5);
  const auto filling = vm[0]->claim();
  ASSERT_EQ(filling.status, packet::ClaimStatus::kClaimed);
  EXPECT_EQ(vm.session.begin({.deadline_ns = 2'000'000}), Status::kIoTimeout);
  EXPECT_FALSE(vm.session.begun());
  filling.packet->transaction_id = 2;
  filling.packet->completion_requested = true;
  vm[0]->publish(*filling.packet);
  EXPECT_EQ(vm.session.begin({.deadline_ns = 2'000'000}), Status::kIoTimeout) << "the VSP has not seen the packet yet";
  TestChannel::state_of(filling.packet) = {2, 5};
  vm[0]->indicated();
  EXPECT_EQ(ids(save_packets(vm)), (std::vector<std::uint64_t>{1, 2}));
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(vm[0].complete(in_use), Status::kSuccess);
  EXPECT_EQ(vm[0].completions().size(), 1u);
}

TEST(SaveSession, DeadlineEndsThePasses) {
  TestVm vm;
  fill(vm, 200);
  ASSERT_EQ(vm.session.begin({.deadline_ns = 1'000'000}), Status::kSuccess);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(vm.session.save(), Status::kIoTimeout);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(vm.in_use(), 200u);
}

// ---- what a SavePacket may do
// ---------------------------------------------------------------------------------------------------

TEST(SavePacket, OneChannelsCallbacksDoNotOverlapUnlessAllowed) {
  TestVm vm(3);
  fill(vm, 300);
  std::atomic<int> inside[3] = {};
  std::atomic<bool> overlapped = false;
  for (std::size_t c = 0; c < 3; ++c) {
    vm[c].save_hook = [&, c](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
      if (++inside[c] != 1) overlapped = true;
      std::this_thread::yield();
      --inside[c];
      return TestChannel::kPassOn;
    };
  }
  const auto executor = make_thread_executor(4);
  save_packets(vm, executor.get());
  vm.session.end(EndMode::kResume);
  EXPECT_FALSE(overlapped);
}

}  // namespace
}  // namespace vmbsave::test
