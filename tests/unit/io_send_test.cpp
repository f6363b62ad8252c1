// Images on their way out, while the save runs.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "io/image_sender.hpp"
#include "unit/one_way.hpp"

namespace vmbsave::test {
namespace {

TEST(ImageSend, ASinkThatCanGoBackGetsTheVeryImage) {
  const auto threads = make_executor(2);
  for (Executor* executor : {static_cast<Executor*>(nullptr), threads.get()}) {
    for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
      Fixture source({.concurrent_callbacks = true});
      for (int save = 0; save < 3; ++save) {  // a first save has no room yet, and its image moves
        Bytes bytes;
        const auto sink = io::make_memory_sink(bytes);
        ASSERT_EQ(source.vm.session.begin({.executor = executor, .plan = plan, .serial_below = 0}), Status::kSuccess);
        const io::SendReport report = io::save_to(source.vm.session, *sink);
        ASSERT_EQ(report.status, Status::kSuccess);
        EXPECT_EQ(report.bytes, source.vm.session.image().bytes());
        EXPECT_GE(report.peak_bytes, report.bytes);
        EXPECT_TRUE(bytes == image_of(source.vm));
        source.vm.session.end(EndMode::kResume);
        EXPECT_EQ(source.vm.in_use(), kInAll);
      }
    }
  }
}

TEST(ImageSend, AChannelLeavesAsSoonAsItIsSealed) {
  Fixture source;
  OneWaySink sink;
  bool first_left = false;
  bool waited = false;
  source.vm[kChannels - 1].save_hook = [&](std::uint64_t, void*, std::uint32_t size, std::uint32_t*) {
    if (size == 0 || waited) return TestChannel::kPassOn;
    waited = true;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!first_left && std::chrono::steady_clock::now() < limit) {
      first_left = sink.written > image::kImageChunkBytes + kPackets * sizeof(image::LibBuf);
      std::this_thread::yield();
    }
    return TestChannel::kPassOn;
  };
  ASSERT_EQ(source.vm.session.begin({}), Status::kSuccess);
  const io::SendReport report = io::save_to(source.vm.session, sink);
  EXPECT_EQ(report.status, Status::kSuccess);
  EXPECT_TRUE(first_left) << "before the last channel was saved";
  EXPECT_GE(report.channels_meanwhile, 1u);
  EXPECT_TRUE(sink.finished);
  source.vm.session.end(EndMode::kResume);
  TestVm destination(kChannels);
  EXPECT_EQ(restore::restore_image(destination.vm, sink.bytes, {}).packets, kInAll);
}

TEST(ImageSend, AllOfItAfterTheSaveIfAsked) {
  Fixture source;
  OneWaySink sink;
  ASSERT_EQ(source.vm.session.begin({}), Status::kSuccess);
  const io::SendReport report = io::save_to(source.vm.session, sink, {.meanwhile = false});
  EXPECT_EQ(report.channels_meanwhile, 0u);
  TestVm destination(kChannels);
  EXPECT_EQ(restore::restore_image(destination.vm, sink.bytes, {}).packets, kInAll);
  Bytes again;
  EXPECT_EQ(io::send_image(source.vm.session, *io::make_memory_sink(again)).status, Status::kSuccess);
  EXPECT_TRUE(again == image_of(source.vm));
  source.vm.session.end(EndMode::kResume);
}

TEST(ImageSend, ASinkThatFailsDoesNotHurtTheSave) {
  Fixture source;
  for (const std::size_t room : {std::size_t{0}, std::size_t{128}, std::size_t{100'000}}) {
    OneWaySink sink;
    sink.room = room;
    ASSERT_EQ(source.vm.session.begin({}), Status::kSuccess);
    EXPECT_EQ(io::save_to(source.vm.session, sink).status, Status::kConnectionDisconnected);
    EXPECT_TRUE(source.vm.session.complete());
    EXPECT_TRUE(sink.abandoned);
    EXPECT_FALSE(sink.finished);
    source.vm.session.end(EndMode::kResume);
    EXPECT_EQ(source.vm.in_use(), kInAll);
  }
}

TEST(ImageSend, ASaveThatFailsAbandonsTheSink) {
  Fixture source;
  source.vm[4].save_hook = [](std::uint64_t id, void*, std::uint32_t, std::uint32_t*) {
    return id % 1000 == 500 ? static_cast<std::int32_t>(Status::kUnsuccessful) : TestChannel::kPassOn;
  };
  OneWaySink sink;
  ASSERT_EQ(source.vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(io::save_to(source.vm.session, sink).status, Status::kUnsuccessful);
  EXPECT_TRUE(sink.abandoned);
  EXPECT_FALSE(sink.finished);
  source.vm.session.end(EndMode::kResume);
  EXPECT_EQ(source.vm.in_use(), kInAll);
  TestVm destination(kChannels);
  EXPECT_EQ(restore::restore_image(destination.vm, sink.bytes, {}).fault, RestoreFault::kMissingTail);
}

// It is the call's, and gone with it.
TEST(ImageSend, NoPatienceIsLeftInTheSink) {
  Fixture source;
  for (const bool fails : {false, true}) {
    OneWaySink sink;
    sink.room = fails ? 1000 : SIZE_MAX;
    ASSERT_EQ(source.vm.session.begin({}), Status::kSuccess);
    EXPECT_EQ(io::save_to(source.vm.session, sink).status == Status::kSuccess, !fails);
    EXPECT_TRUE(sink.had_patience);
    EXPECT_EQ(sink.patience, nullptr);
    source.vm.session.end(EndMode::kResume);
  }
}

// A save that moves its image waits for one of them.
TEST(ImageSend, InStepsOfAMebibyte) {
  constexpr std::uint32_t kState = 1000;
  TestVm source;
  for (unsigned i = 0; i < kPackets; ++i) source[0].receive(i + 1, kState);
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    OneWaySink sink;
    ASSERT_EQ(source.session.begin({.plan = plan}), Status::kSuccess);
    EXPECT_EQ(io::save_to(source.session, sink).status, Status::kSuccess);
    EXPECT_GT(sink.bytes.size(), kPackets * kState);
    EXPECT_LE(sink.largest, 1u << 20);
    source.session.end(EndMode::kResume);
    TestVm destination;
    EXPECT_EQ(restore::restore_image(destination.vm, sink.bytes, {}).packets, kPackets);
  }
}

TEST(ImageSend, OfStatesThatGrowOnlyWhatStays) {
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    Fixture source;
    std::atomic<bool> grown{false};
    source.vm[5].save_hook = [&](std::uint64_t id, void*, std::uint32_t size, std::uint32_t* needed) {
      if (id != 500'042 || size == 0 || size >= 500) return TestChannel::kPassOn;
      grown = true;
      *needed = 500;
      return static_cast<std::int32_t>(Status::kBufferTooSmall);
    };
    OneWaySink sink;
    ASSERT_EQ(source.vm.session.begin({.growth_retries = 1, .plan = plan}), Status::kSuccess);
    const io::SendReport report = io::save_to(source.vm.session, sink);
    EXPECT_EQ(report.status, Status::kSuccess);
    EXPECT_TRUE(grown);
    source.vm.session.end(EndMode::kResume);
    EXPECT_EQ(restore::check_image(sink.bytes, {}).packets, kInAll);
  }
}

TEST(ImageSend, IsRefusedWithoutABegin) {
  TestVm vm;
  OneWaySink sink;
  EXPECT_EQ(io::save_to(vm.session, sink).status, Status::kInvalidDeviceState);
  EXPECT_EQ(io::send_image(vm.session, sink).status, Status::kInvalidDeviceState);
  EXPECT_TRUE(sink.bytes.empty());
}

}  // namespace
}  // namespace vmbsave::test
