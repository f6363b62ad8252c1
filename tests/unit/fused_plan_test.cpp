#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

constexpr SaveOptions kExact{.plan = SavePlan::kExact};
constexpr SaveOptions kFused{.plan = SavePlan::kFused};

// Packets that came and went for a while, so that the table holds them in no order.
void churn(TestVm& vm, unsigned packets) {
  std::mt19937 generator(7);
  const auto random = [&generator] { return static_cast<std::uint32_t>(generator()); };
  std::uint64_t id = 0;
  for (std::size_t c = 0; c < vm.size(); ++c) {
    std::vector<packet::Packet*> in_use;
    for (unsigned i = 0; i < packets; ++i) in_use.push_back(vm[c].receive(++id, random() % 90));
    for (unsigned i = 0; i < 2 * packets; ++i) {
      packet::Packet*& victim = in_use[random() % packets];
      ASSERT_EQ(vm[c].complete(victim), Status::kSuccess);
      victim = vm[c].receive(++id, random() % 90);
      ASSERT_NE(victim, nullptr);
    }
  }
}

std::vector<std::byte> saved_bytes(TestVm& vm, const SaveOptions& options) {
  save_packets(vm, options);
  std::vector<std::byte> bytes = image_of(vm);
  vm.session.end(EndMode::kResume);
  return bytes;
}

// The fused plan on all threads, however small the save is.
SaveOptions fused_on(Executor& executor) {
  SaveOptions options = kFused;
  options.executor = &executor;
  options.serial_below = 0;
  return options;
}

// A save, after which memory is made ready for the next one.
void save_before(TestVm& vm, const SaveOptions& options) {
  save_packets(vm, options);
  vm.session.end(EndMode::kResume);
  vm.session.prepare_next();
}

std::uint64_t phase_ns(const TestVm& vm, SavePhase phase) {
  return vm.session.report().phase_ns[static_cast<unsigned>(phase)];
}

struct Shape {
  unsigned channels, packets, threads;
  bool concurrent;
};

class FusedPlan : public testing::TestWithParam<Shape> {};

TEST_P(FusedPlan, GivesTheBytesOfTheExactPlan) {
  const Shape shape = GetParam();
  const packet::ChannelConfig config{
      .capacity = std::max(shape.packets, 1u), .result_bytes = 8, .concurrent_callbacks = shape.concurrent};
  TestVm vm(shape.channels, config);
  if (shape.packets != 0) churn(vm, shape.packets);
  const auto executor = make_thread_executor(shape.threads);
  SaveOptions options = kExact;
  options.executor = executor.get();
  options.serial_below = 0;
  const std::vector<std::byte> exact = saved_bytes(vm, options);
  EXPECT_EQ(vm.session.report().plan, SavePlan::kExact);
  options.plan = SavePlan::kFused;
  TestVm cold(shape.channels, config);
  if (shape.packets != 0) churn(cold, shape.packets);
  EXPECT_EQ(saved_bytes(cold, options), exact) << "a first save, with an arena that has no room";
  EXPECT_EQ(saved_bytes(cold, options), exact) << "a second one";
  EXPECT_EQ(saved_bytes(vm, options), exact) << "after an exact one";
  EXPECT_EQ(vm.session.report().plan, SavePlan::kFused);
  EXPECT_EQ(vm.session.report().image_bytes, exact.size());
  EXPECT_EQ(vm.session.report().threads, shape.threads);
  options.plan = SavePlan::kAuto;
  EXPECT_EQ(saved_bytes(vm, options), exact);
  EXPECT_NE(vm.session.report().plan, SavePlan::kAuto);
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedPlan,
                         testing::Values(Shape{1, 0, 1, true}, Shape{3, 0, 2, true}, Shape{1, 1, 1, true},
                                         Shape{1, 63, 1, true}, Shape{1, 64, 2, true}, Shape{1, 3000, 1, true},
                                         Shape{1, 3000, 3, true}, Shape{1, 500, 2, false}, Shape{7, 300, 2, false},
                                         Shape{7, 300, 2, true}, Shape{60, 5, 2, true}, Shape{2, 20000, 4, true}));

TEST(FusedPlanSave, EachPacketGetsItsTwoCallsWhetherThereIsRoomOrNot) {
  TestVm vm(2, {.concurrent_callbacks = true});
  churn(vm, 100);
  std::map<std::uint64_t, std::pair<int, int>> calls;  // sizing, saving
  for (std::size_t c = 0; c < 2; ++c) {
    vm[c].save_hook = [&](std::uint64_t id, void*, std::uint32_t size, std::uint32_t*) {
      ++(size == 0 ? calls[id].first : calls[id].second);
      return TestChannel::kPassOn;
    };
  }
  for (const char* save : {"cold", "warm"}) {
    calls.clear();
    for (const SavedPacket& packet : save_packets(vm, kFused)) {
      EXPECT_EQ(calls[packet.id].first, 1) << save << " " << packet.id;
      EXPECT_EQ(calls[packet.id].second, packet.state.empty() ? 0 : 1) << save << " " << packet.id;
    }
    EXPECT_EQ(calls.size(), 200u);
    vm.session.end(EndMode::kResume);
  }
}

TEST(FusedPlanSave, AWarmSaveTakesOnePassAndLiesInPieces) {
  TestVm vm(2, {.concurrent_callbacks = true});
  churn(vm, 100);
  save_packets(vm, kFused);
  EXPECT_NE(phase_ns(vm, SavePhase::kSave), 0u) << "a first save has no room to save in its pass";
  vm.session.end(EndMode::kResume);
  save_packets(vm, kFused);
  EXPECT_EQ(phase_ns(vm, SavePhase::kSave), 0u);
  EXPECT_EQ(phase_ns(vm, SavePhase::kSize), 0u);
  EXPECT_NE(phase_ns(vm, SavePhase::kPass), 0u);
  EXPECT_TRUE(vm.session.image().contiguous().empty());
  vm.session.end(EndMode::kResume);
  save_packets(vm, kExact);
  EXPECT_EQ(vm.session.image().contiguous().size(), vm.session.image().bytes());
  vm.session.end(EndMode::kResume);
}

// What one thread has mapped is too little for the stretches of several, who make room for those of the next save.
TEST(FusedPlanSave, AfterASerialSaveSeveralWorkersMakeRoomForTheirStretches) {
  TestVm vm(2, {.capacity = 1000, .concurrent_callbacks = true});
  churn(vm, 1000);
  const auto executor = make_thread_executor(2);
  SaveOptions options = fused_on(*executor);
  save_before(vm, kFused);
  EXPECT_LT(vm.session.report().memory_mapped, 1u << 20);
  save_before(vm, options);
  save_before(vm, options);
  EXPECT_GE(vm.session.report().memory_mapped, vm.session.report().image_bytes + (512u << 10));
  EXPECT_EQ(phase_ns(vm, SavePhase::kSave), 0u) << "a second pass";
  options.memory_budget = 1u << 30;
  TestVm tight(2, {.capacity = 1000, .concurrent_callbacks = true});
  churn(tight, 1000);
  save_before(tight, options);
  EXPECT_LT(tight.session.report().memory_mapped, 1u << 20) << "a budget is for the image";
}

// Each worker takes a stretch of the arena, also where the image is smaller than that: the first save makes room for
// it.
TEST(FusedPlanSave, ASmallSaveOfSeveralWorkersIsWarmAfterTheFirst) {
  TestVm vm(2, {.capacity = 1000, .concurrent_callbacks = true});
  churn(vm, 1000);
  const auto executor = make_thread_executor(3);
  save_before(vm, fused_on(*executor));
  std::uint64_t mapped = 0;
  for (int save = 0; save < 20; ++save) {
    save_packets(vm, fused_on(*executor));
    EXPECT_EQ(phase_ns(vm, SavePhase::kSave), 0u) << "a second pass";
    EXPECT_EQ(vm.session.image().bytes(), image_of(vm).size());
    const std::uint64_t now = vm.session.report().memory_mapped;
    if (save == 0) mapped = now;
    EXPECT_GE(now, vm.session.image().bytes() + (768u << 10));
    EXPECT_EQ(now, mapped) << "no save makes it larger";
    vm.session.end(EndMode::kResume);
  }
}

TEST(FusedPlanSave, MemoryReservedBeforehandMakesTheFirstSaveAWarmOne) {
  TestVm vm(1, {.concurrent_callbacks = true});
  churn(vm, 100);
  ASSERT_TRUE(vm.session.reserve(1 << 20));
  save_packets(vm, kFused);
  EXPECT_EQ(phase_ns(vm, SavePhase::kSave), 0u);
  vm.session.end(EndMode::kResume);
}

// A first save, by several workers: all of it fits.
void save_in_reserved_memory(TestVm& vm, std::uint64_t image_bytes, unsigned threads) {
  ASSERT_TRUE(vm.session.reserve(image_bytes, threads));
  const auto executor = make_thread_executor(threads);
  save_packets(vm, fused_on(*executor));
  EXPECT_EQ(phase_ns(vm, SavePhase::kSave), 0u) << "a second pass";
}

// With several workers as well, who take stretches of it.
TEST(FusedPlanSave, MemoryReservedForSeveralWorkersIsEnough) {
  TestVm vm(2, {.capacity = 20'000, .concurrent_callbacks = true});
  churn(vm, 20'000);
  const std::uint64_t image_bytes = saved_bytes(vm, kExact).size();
  TestVm other(2, {.capacity = 20'000, .concurrent_callbacks = true});
  churn(other, 20'000);
  save_in_reserved_memory(other, image_bytes, 3);
  EXPECT_EQ(other.session.report().image_bytes, image_bytes) << "what stays unused is no image";
  other.session.end(EndMode::kResume);
}

// Nor do blocks of which few fit into a stretch: what is left behind the last one is within the arena's reserve.
TEST(FusedPlanSave, MemoryReservedIsEnoughWhateverTheSizeOfBlocks) {
  for (const std::uint32_t state : {700u, 1350u, 2600u, 6000u}) {
    TestVm vm(2, {.capacity = 4000, .concurrent_callbacks = true});
    for (std::uint64_t id = 0; id < 8000; ++id) vm[id % 2].receive(id, state);
    const std::uint64_t image_bytes = saved_bytes(vm, kExact).size();
    TestVm other(2, {.capacity = 4000, .concurrent_callbacks = true});
    for (std::uint64_t id = 0; id < 8000; ++id) other[id % 2].receive(id, state);
    SCOPED_TRACE(state);
    save_in_reserved_memory(other, image_bytes, 2);
    constexpr std::uint64_t kStretch = 256u << 10;
    EXPECT_LE(other.session.report().memory_used, image_bytes + image_bytes / 10 + 2 * kStretch);
    other.session.end(EndMode::kResume);
  }
}

// What fits is saved in the pass, the rest when there is room.
TEST(FusedPlanSave, AnArenaThatIsTooSmallLosesNothing) {
  TestVm vm(3, {.concurrent_callbacks = true});
  churn(vm, 10);
  save_packets(vm, kFused);
  vm.session.end(EndMode::kResume);
  for (std::uint64_t id = 100'000; id < 102'000; ++id) vm[id % 3].receive(id, 60);
  const std::vector<std::byte> fused = saved_bytes(vm, kFused);
  EXPECT_NE(phase_ns(vm, SavePhase::kSave), 0u);
  EXPECT_EQ(fused, saved_bytes(vm, kExact));
  EXPECT_EQ(packets_of(fused).size(), 2030u);
}

// States grow between two saves, so that blocks run out of room at some packet or other. Several workers take stretches
// of the arena, of which a block of large states needs more than an eighth.
struct Interruption {
  unsigned threads;
  std::uint32_t state, larger;
};

class InterruptedBlock : public testing::TestWithParam<Interruption> {};

TEST_P(InterruptedBlock, LosesNothingAndCallsNobodyTwice) {
  const Interruption given = GetParam();
  TestVm vm(2, {.capacity = 1100, .concurrent_callbacks = true});
  std::vector<packet::Packet*> packets;
  for (std::uint64_t id = 1; id <= 2200; ++id)
    packets.push_back(vm[id % 2].receive(id, given.state + static_cast<std::uint32_t>(id % 7)));
  std::atomic<unsigned> sizing{0};
  std::atomic<unsigned> saving{0};
  for (std::size_t c = 0; c < 2; ++c) {
    vm[c].save_hook = [&](std::uint64_t, void*, std::uint32_t size, std::uint32_t*) {
      ++(size == 0 ? sizing : saving);
      return TestChannel::kPassOn;
    };
  }
  const auto executor = make_thread_executor(given.threads);
  SaveOptions options = kFused;
  options.executor = executor.get();
  options.serial_below = 0;
  saved_bytes(vm, options);
  std::mt19937 random(5);
  for (packet::Packet* packet : packets)
    TestChannel::state_of(packet).bytes = given.larger + static_cast<std::uint32_t>(random() % 20);
  sizing = saving = 0;
  const std::vector<std::byte> fused = saved_bytes(vm, options);
  EXPECT_NE(phase_ns(vm, SavePhase::kSave), 0u) << "there was room for all";
  EXPECT_EQ(sizing, 2200u);
  EXPECT_EQ(saving, 2200u);
  EXPECT_EQ(vm.session.report().image_bytes, fused.size());
  options.plan = SavePlan::kExact;
  EXPECT_EQ(fused, saved_bytes(vm, options));
}

INSTANTIATE_TEST_SUITE_P(Interruptions, InterruptedBlock,
                         testing::Values(Interruption{1, 40, 130}, Interruption{1, 0, 20}, Interruption{2, 40, 130},
                                         Interruption{3, 200, 400}, Interruption{2, 100, 6000},
                                         Interruption{3, 3000, 16384}));

// A block that runs out of room at one packet, and in which another grows, before it or behind it.
TEST(FusedPlanSave, GrowthInAnInterruptedBlock) {
  for (std::uint64_t grows = 1; grows <= 400; grows += 13) {
    TestVm vm(1, {.concurrent_callbacks = true});
    std::vector<packet::Packet*> packets;
    for (std::uint64_t id = 1; id <= 400; ++id) packets.push_back(vm[0].receive(id, 40));
    saved_bytes(vm, kFused);
    for (packet::Packet* packet : packets) TestChannel::state_of(packet).bytes = 100;
    bool grown = false;
    vm[0].save_hook = [&](std::uint64_t id, void*, std::uint32_t size, std::uint32_t* needed) -> std::int32_t {
      if (id != grows || size == 0 || grown) return TestChannel::kPassOn;
      grown = true;
      TestChannel::state_of(packets[id - 1]).bytes = *needed = 250;
      return static_cast<std::int32_t>(Status::kBufferTooSmall);
    };
    SaveOptions options = kFused;
    options.growth_retries = 1;
    const std::vector<std::byte> fused = saved_bytes(vm, options);
    EXPECT_TRUE(grown);
    EXPECT_EQ(vm.session.report().image_bytes, fused.size()) << grows;
    EXPECT_EQ(fused, saved_bytes(vm, kExact)) << grows;
  }
}

// Chunks are handed out one by one, in either plan.
TEST(FusedPlanSave, ChunksByOrdinalAreTheStream) {
  TestVm vm(3, {.capacity = 1100, .concurrent_callbacks = true});
  churn(vm, 1100);
  for (const SaveOptions& options : {kExact, kFused, kFused}) {
    save_packets(vm, options);
    const save::ImageView image = vm.session.image();
    const std::vector<std::byte> all = image_of(vm);
    std::size_t at = image::kImageChunkBytes;
    for (std::uint32_t channel = 0; channel < 3; ++channel) {
      std::uint32_t ordinal = 0;
      for (auto chunk = image.chunk(channel, 0); !chunk.empty(); chunk = image.chunk(channel, ++ordinal)) {
        image::ChunkHeader header;
        std::memcpy(&header, chunk.data(), sizeof header);
        EXPECT_EQ(header.bytes, chunk.size());
        EXPECT_EQ(header.ordinal, ordinal);
        EXPECT_EQ(header.channel, channel);
        ASSERT_LE(at + chunk.size(), all.size());
        EXPECT_EQ(std::memcmp(all.data() + at, chunk.data(), chunk.size()), 0);
        at += chunk.size();
      }
      EXPECT_EQ(ordinal, 1 + 18 + 2u) << "channel chunk, blocks, directory";
    }
    EXPECT_EQ(at + image::kEndChunkBytes, all.size());
    vm.session.end(EndMode::kResume);
  }
}

// Growth saves the grown packet's block again, and no other.
TEST(FusedPlanSave, GrowthRunsAgainWhatGrew) {
  TestVm vm(1, {.concurrent_callbacks = true});
  std::map<std::uint64_t, unsigned> second_calls;
  for (std::uint64_t id = 1; id <= 100; ++id) vm[0].receive(id, 40);
  save_packets(vm, kFused);
  vm.session.end(EndMode::kResume);
  bool grown = false;
  vm[0].save_hook = [&](std::uint64_t id, void* buf, std::uint32_t size, std::uint32_t* needed) -> std::int32_t {
    if (size != 0) ++second_calls[id];
    if (id != 80) return TestChannel::kPassOn;
    *needed = grown ? 100 : 40;
    if (size < *needed || !grown) {
      grown = size != 0 || grown;
      *needed = grown ? 100 : 40;
      return static_cast<std::int32_t>(Status::kBufferTooSmall);
    }
    std::memset(buf, 0x5A, 100);
    return 0;
  };
  SaveOptions options = kFused;
  ASSERT_EQ(vm.session.begin(options), Status::kSuccess);
  EXPECT_EQ(vm.session.save(), Status::kBufferTooSmall) << "no retries";
  EXPECT_EQ(vm.session.report().failure.transaction_id, 80u);
  EXPECT_EQ(vm.session.report().failure.phase, SavePhase::kPass);
  vm.session.end(EndMode::kResume);
  grown = false;
  second_calls.clear();
  options.growth_retries = 1;
  const auto saved = save_packets(vm, options);
  EXPECT_EQ(vm.session.report().growth_retries, 1u);
  ASSERT_EQ(saved.size(), 100u);
  for (const SavedPacket& packet : saved) EXPECT_EQ(packet.state.size(), packet.id == 80 ? 100u : 40u);
  EXPECT_EQ(second_calls[1], 1u) << "of another block";
  EXPECT_EQ(second_calls[80], 2u);
  EXPECT_EQ(vm.session.report().image_bytes, image_of(vm).size()) << "without the room that was given up";
  vm.session.end(EndMode::kResume);
}

// Some blocks are saved in the pass and the rest behind it; each packet may grow once, as in the exact plan.
TEST(FusedPlanSave, BlocksWithoutRoomMayGrowAsOftenAsOthers) {
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    TestVm vm(1, {.concurrent_callbacks = true});
    for (std::uint64_t id = 1; id <= 1000; ++id) vm[0].receive(id, 40);
    save_packets(vm, kFused);
    vm.session.end(EndMode::kResume);
    for (std::uint64_t id = 1001; id <= 2000; ++id) vm[0].receive(id, 40);
    std::map<std::uint64_t, bool> grown;
    vm[0].save_hook = [&](std::uint64_t id, void* buf, std::uint32_t size, std::uint32_t* needed) -> std::int32_t {
      if (size != 0) grown.try_emplace(id, true);
      *needed = grown.contains(id) ? 100 : 40;
      if (size < *needed) return static_cast<std::int32_t>(Status::kBufferTooSmall);
      std::memset(buf, 0x5A, *needed);
      return 0;
    };
    const SaveOptions options{.growth_retries = 1, .plan = plan};
    ASSERT_EQ(vm.session.begin(options), Status::kSuccess);
    EXPECT_EQ(vm.session.save(), Status::kSuccess) << plan_name(plan);
    EXPECT_EQ(vm.session.report().growth_retries, 1u) << plan_name(plan);
    if (vm.session.complete()) {
      for (const SavedPacket& packet : packets_of(image_of(vm))) EXPECT_EQ(packet.state.size(), 100u);
    }
    vm.session.end(EndMode::kResume);
    EXPECT_EQ(vm.in_use(), 2000u);
  }
}

TEST(FusedPlanSave, TheBudgetHoldsWarmAndCold) {
  for (const bool warm : {false, true}) {
    TestVm vm(1, {.concurrent_callbacks = true});
    churn(vm, 100);
    const std::uint64_t bytes = warm ? saved_bytes(vm, kFused).size() : [] {
      TestVm other(1, {.concurrent_callbacks = true});
      churn(other, 100);
      return saved_bytes(other, kFused).size();
    }();
    SaveOptions options = kFused;
    options.memory_budget = bytes - 1;
    ASSERT_EQ(vm.session.begin(options), Status::kSuccess);
    EXPECT_EQ(vm.session.save(), Status::kQuotaExceeded) << "warm " << warm;
    vm.session.end(EndMode::kResume);
    EXPECT_EQ(vm.in_use(), 100u);
    options.memory_budget = bytes;
    EXPECT_EQ(saved_bytes(vm, options).size(), bytes);
  }
}

TEST(FusedPlanSave, PastTheDeadlineNoFurtherBlockIsStarted) {
  TestVm vm(1, {.concurrent_callbacks = true});
  for (std::uint64_t id = 1; id <= 210; ++id) vm[0].receive(id, 8);
  save_packets(vm, kFused);
  vm.session.end(EndMode::kResume);
  std::uint64_t asked = 0;
  vm[0].save_hook = [&](std::uint64_t, void*, std::uint32_t, std::uint32_t*) {
    if (++asked == 1) std::this_thread::sleep_for(std::chrono::milliseconds(60));
    return TestChannel::kPassOn;
  };
  SaveOptions options = kFused;
  options.deadline_ns = 50'000'000;
  ASSERT_EQ(vm.session.begin(options), Status::kSuccess);
  EXPECT_EQ(vm.session.save(), Status::kIoTimeout);
  EXPECT_EQ(asked, 2 * image::kBlockPackets) << "one block: both calls of its packets";
  EXPECT_EQ(vm.session.report().failure.phase, SavePhase::kPass);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(vm.in_use(), 210u);
}

TEST(FusedPlanSave, AChannelLeftOutHasAnEmptyStream) {
  TestVm vm(3, {.concurrent_callbacks = true});
  churn(vm, 50);
  save_packets(vm, kFused);
  vm.session.end(EndMode::kResume);
  ASSERT_EQ(vm.session.begin(kFused), Status::kSuccess);
  vm.session.leave_out(*vm[1]);
  ASSERT_EQ(vm.session.save(), Status::kSuccess);
  const auto saved = packets_of(image_of(vm));
  EXPECT_EQ(saved.size(), 100u);
  for (const SavedPacket& packet : saved) EXPECT_NE(packet.channel, 1u);
  vm.session.end(EndMode::kResume);
}

// An executor that counts what it is asked for.
class CountingExecutor final : public Executor {
 public:
  unsigned concurrency() const noexcept override { return 2; }
  void wake() noexcept override { ++wakes; }
  void run(Task task, void* context) noexcept override {
    ++runs;
    task(context);
  }
  void for_each(std::size_t count, std::size_t, Body body, void* context) noexcept override {
    ++loops;
    body(context, 0, count);
  }
  int wakes = 0, runs = 0, loops = 0;
};

TEST(FusedPlanSave, BelowTheCrossoverTheExecutorIsLeftAlone) {
  TestVm vm(1, {.concurrent_callbacks = true});
  churn(vm, 100);
  CountingExecutor executor;
  SaveOptions options{.executor = &executor, .serial_below = 101};
  saved_bytes(vm, options);
  EXPECT_EQ(executor.runs + executor.wakes + executor.loops, 0);
  EXPECT_EQ(vm.session.report().threads, 1u);
  TestVm unmeasured(1, {.concurrent_callbacks = true});
  churn(unmeasured, 100);
  options.serial_below = kCalibrated;
  saved_bytes(unmeasured, options);
  EXPECT_EQ(executor.runs, 0) << "100 packets are not worth a thread, until they are known to be slow";
  options.serial_below = 100;
  saved_bytes(vm, options);
  EXPECT_EQ(executor.wakes, 1);
  EXPECT_EQ(executor.runs, 1);
  EXPECT_GE(executor.loops, 1);
  EXPECT_EQ(vm.session.report().threads, 2u);
  options.plan = SavePlan::kExact;
  saved_bytes(vm, options);
  EXPECT_EQ(executor.runs, 2) << "both passes inside one";
}

}  // namespace
}  // namespace vmbsave::test
