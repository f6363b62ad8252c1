// Images that are restored as they come.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "io/image_receiver.hpp"
#include "io/image_sender.hpp"
#include "restore/image_frame.hpp"
#include "unit/one_way.hpp"

namespace vmbsave::test {
namespace {

Bytes image_of_all() {
  Fixture source;
  return save(source.vm);
}

std::uint64_t largest_stream(const Bytes& image) {
  std::uint64_t largest = 0;
  for (const std::size_t at : chunk_offsets(image)) {
    image::Chunk chunk;
    image::ChannelBody body;
    if (image::read_chunk(std::span(image).subspan(at), chunk) == RestoreFault::kNone &&
        chunk.kind() == image::ChunkKind::kChannel && image::read_body(chunk, body)) {
      largest = std::max(largest, body.stream_bytes);
    }
  }
  return largest;
}

TEST(ImageReceive, NeverHoldsMoreThanItsBudget) {
  const Bytes image = image_of_all();
  const std::uint64_t largest = largest_stream(image);
  const auto threads = make_executor(2);
  for (const std::uint64_t budget : {largest, 2 * largest, 3 * largest + 64, std::uint64_t{1} << 30}) {
    TestVm vm(kChannels);
    const auto source = io::make_memory_source(image);
    const io::ReceiveReport report =
        io::restore_from(vm.vm, *source, {.executor = threads.get(), .memory_budget = budget});
    EXPECT_EQ(report.restore.fault, RestoreFault::kNone) << restore_fault_text(report.restore.fault);
    EXPECT_EQ(report.restore.packets, kInAll);
    EXPECT_EQ(report.bytes, image.size());
    EXPECT_LE(report.peak_bytes, budget);
    EXPECT_GE(report.peak_bytes, largest);
    EXPECT_EQ(vm.in_use(), kInAll);
    for (unsigned c = 0; c < kChannels; ++c) EXPECT_EQ(vm[c].restored_order.size(), c == 2 ? 0 : kPackets);
  }
}

TEST(ImageReceive, AChannelOverTheBudgetIsNamedAndNothingStays) {
  const Bytes image = image_of_all();
  TestVm vm(kChannels);
  const auto source = io::make_memory_source(image);
  const io::ReceiveReport report = io::restore_from(vm.vm, *source, {.memory_budget = largest_stream(image) - 1});
  EXPECT_EQ(report.restore.fault, RestoreFault::kBudget);
  EXPECT_EQ(report.restore.status, Status::kQuotaExceeded);
  EXPECT_LT(report.restore.channel, kChannels);
  EXPECT_LT(report.peak_bytes, largest_stream(image));
  EXPECT_EQ(vm.in_use(), 0u);
}

TEST(ImageReceive, AnyTruncationIsAMissingTail) {
  const Bytes image = small_image(3);
  for (const std::uint64_t budget : {std::uint64_t{1} << 20, largest_stream(image)}) {
    TestVm vm(3);
    for (std::size_t size = 0; size < image.size(); ++size) {
      OneWaySource source(Bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size)));
      const io::ReceiveReport report = io::restore_from(vm.vm, source, {.memory_budget = budget});
      ASSERT_EQ(report.restore.fault, RestoreFault::kMissingTail) << size;
      ASSERT_EQ(vm.in_use(), 0u);
    }
    OneWaySource source(image);
    EXPECT_EQ(io::restore_from(vm.vm, source).restore.packets, 15u);
  }
}

TEST(ImageReceive, EveryFlippedBitIsNoticed) {
  Bytes image = small_image(2, 3);
  const std::uint64_t one_channel = largest_stream(image) + 64;
  TestVm vm(2);
  for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
    image[bit / 8] ^= std::byte{1} << (bit % 8);
    OneWaySource source(image);
    const io::ReceiveReport report = io::restore_from(vm.vm, source, {.memory_budget = one_channel});
    ASSERT_NE(report.restore.status, Status::kSuccess) << "bit " << bit;
    ASSERT_EQ(vm.in_use(), 0u);
    image[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(ImageReceive, WhatFollowsIsLeftInASourceWithoutASize) {
  Bytes both = small_image(1, 5);
  const Bytes second = small_image(1, 9);
  both.insert(both.end(), second.begin(), second.end());
  OneWaySource source(both);
  for (const std::uint64_t packets : {5u, 9u}) {
    TestVm vm;
    EXPECT_EQ(io::restore_from(vm.vm, source).restore.packets, packets);
  }
}

// What contradicts the size of the source is known before anything is restored.
TEST(ImageReceive, ASourceOfAnotherSizeIsRefusedByItsHead) {
  Bytes image = small_image(1, 5);
  TestVm vm;
  const auto restored = [&](std::span<const std::byte> bytes) {
    const auto source = io::make_memory_source(bytes);
    const io::ReceiveReport report = io::restore_from(vm.vm, *source);
    EXPECT_EQ(report.bytes, image::kImageChunkBytes);
    return report.restore.fault;
  };
  EXPECT_EQ(restored(std::span(image).first(image.size() - 1)), RestoreFault::kMissingTail);
  image.resize(image.size() + 1);
  EXPECT_EQ(restored(image), RestoreFault::kTrailingBytes);
  EXPECT_EQ(vm.in_use(), 0u);
}

// As it is sent: its head says no length.
Bytes streamed_image(unsigned channels) {
  TestVm vm(channels);
  for (unsigned c = 0; c < channels; ++c) {
    for (unsigned i = 0; i < 5; ++i) vm[c].receive(c * 100 + i + 1, i * 9);
  }
  OneWaySink sink;
  EXPECT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(io::save_to(vm.session, sink).status, Status::kSuccess);
  vm.session.end(EndMode::kResume);
  return sink.bytes;
}

TEST(ImageReceive, AByteBehindAStreamedImageIsRefused) {
  Bytes image = streamed_image(2);
  for (const RestoreFault fault : {RestoreFault::kNone, RestoreFault::kTrailingBytes}) {
    TestVm vm(2);
    const auto source = io::make_memory_source(image);
    EXPECT_EQ(io::restore_from(vm.vm, *source).restore.fault, fault);
    EXPECT_EQ(vm.in_use(), fault == RestoreFault::kNone ? 10u : 0u);
    image.resize(image.size() + 1);
  }
}

// Each chunk is whole by itself: only the totals say that one is missing, when all has been restored.
TEST(ImageReceive, TotalsThatDisagreeTakeAllBack) {
  Bytes of_head = small_image(2);
  ++at<image::ImageBody>(of_head, sizeof(image::ChunkHeader)).packets;
  reseal(of_head, 0);
  Bytes of_end = streamed_image(2);
  const std::size_t end = of_end.size() - image::kStreamedEndChunkBytes;
  at<image::EndBody>(of_end, end + sizeof(image::ChunkHeader)).bytes += image::kChunkAlignment;
  reseal(of_end, end);
  for (const Bytes& image : {of_head, of_end}) {
    TestVm vm(2);
    OneWaySource source(image);
    const io::ReceiveReport report = io::restore_from(vm.vm, source);
    EXPECT_EQ(report.restore.fault, RestoreFault::kCounts) << restore_fault_text(report.restore.fault);
    EXPECT_EQ(report.bytes, image.size());
    EXPECT_EQ(vm.in_use(), 0u);
  }
}

// And one byte less is told as early as it is known: by the size of the source, by the head, or on the way.
TEST(ImageReceive, AnImageOfExactlyItsLimit) {
  for (const bool streamed : {false, true}) {
    const Bytes image = streamed ? streamed_image(2) : small_image(2);
    for (const bool fits : {true, false}) {
      const io::ReceiveOptions options{.max_bytes = fits ? image.size() : image.size() - 1};
      const RestoreFault fault = fits ? RestoreFault::kNone : RestoreFault::kTooLarge;
      TestVm vm(2);
      const auto known = io::make_memory_source(image);
      const io::ReceiveReport report = io::restore_from(vm.vm, *known, options);
      EXPECT_EQ(report.restore.fault, fault);
      EXPECT_EQ(report.bytes, fits ? image.size() : 0);
      EXPECT_EQ(vm.in_use(), fits ? 10u : 0u);

      TestVm another(2);
      OneWaySource unknown(image);
      const io::ReceiveReport of_unknown = io::restore_from(another.vm, unknown, options);
      EXPECT_EQ(of_unknown.restore.fault, fault);
      EXPECT_LE(of_unknown.bytes, streamed || fits ? options.max_bytes : image::kImageChunkBytes);
      EXPECT_EQ(another.in_use(), fits ? 10u : 0u);
    }
  }
}

// By its header, before there has to be room for the rest.
TEST(ImageReceive, AChunkOfTheFrameThatIsTooLongIsRefused) {
  const Bytes image = small_image();
  const std::vector<std::size_t> offsets = chunk_offsets(image);
  for (const std::size_t chunk : {offsets[0], offsets[1], offsets[offsets.size() - 2]}) {
    Bytes longer = image;
    at<image::ChunkHeader>(longer, chunk).bytes = restore::kMaxFrameChunkBytes + image::kChunkAlignment;
    TestVm vm;
    OneWaySource source(longer);
    const io::ReceiveReport report = io::restore_from(vm.vm, source);
    EXPECT_EQ(report.restore.fault, RestoreFault::kLengths) << restore_fault_text(report.restore.fault);
    EXPECT_EQ(report.restore.offset, chunk);
    EXPECT_EQ(report.bytes, chunk + sizeof(image::ChunkHeader));
    EXPECT_EQ(vm.in_use(), 0u);
  }
}

// Takes its time for each piece of work.
class SlowExecutor final : public Executor {
 public:
  static constexpr std::uint64_t kNs = 3'000'000;
  unsigned concurrency() const noexcept override { return 1; }
  void for_each(std::size_t count, std::size_t, Body body, void* context) noexcept override {
    ++calls;
    std::this_thread::sleep_for(std::chrono::nanoseconds(kNs));
    body(context, 0, count);
  }
  unsigned calls = 0;
};

TEST(ImageReceive, TimeOfTheChecksIsThatOfEachBatch) {
  constexpr unsigned kBatches = 4;
  const Bytes image = small_image(kBatches);
  SlowExecutor slow;
  TestVm vm(kBatches);
  OneWaySource source(image);
  const RestoreReport report =
      io::restore_from(vm.vm, source, {.executor = &slow, .memory_budget = largest_stream(image)}).restore;
  EXPECT_EQ(report.fault, RestoreFault::kNone) << restore_fault_text(report.fault);
  EXPECT_EQ(slow.calls, 2 * kBatches) << "each is checked, then restored";
  EXPECT_GE(report.check_ns, kBatches * SlowExecutor::kNs);
  EXPECT_GE(report.restore_ns, report.check_ns + kBatches * SlowExecutor::kNs);
}

TEST(ImageReceive, LimitsAndStatesAreRefused) {
  const Bytes image = small_image(2);
  {
    TestVm vm(2);
    const auto source = io::make_memory_source(image);
    EXPECT_EQ(io::restore_from(vm.vm, *source, {.max_bytes = image.size() - 1}).restore.fault, RestoreFault::kTooLarge);
    OneWaySource unknown(image);
    EXPECT_EQ(io::restore_from(vm.vm, unknown, {.max_bytes = image.size() - 1}).restore.fault, RestoreFault::kTooLarge);
    EXPECT_EQ(vm.in_use(), 0u);
  }
  {
    TestVm vm(3);
    OneWaySource source(image);
    EXPECT_EQ(io::restore_from(vm.vm, source).restore.fault, RestoreFault::kChannels);
  }
  {
    TestVm vm(2);
    vm[1].receive(77, 0);
    OneWaySource source(image);
    const io::ReceiveReport report = io::restore_from(vm.vm, source, {.memory_budget = largest_stream(image)});
    EXPECT_EQ(report.restore.fault, RestoreFault::kInUse);
    EXPECT_EQ(report.restore.channel, 1u);
    EXPECT_EQ(vm.in_use(), 1u) << "the packet that was there";
  }
  {
    TestVm vm(2);
    ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
    OneWaySource source(image);
    EXPECT_EQ(io::restore_from(vm.vm, source).restore.fault, RestoreFault::kBusy);
    vm.session.end(EndMode::kResume);
  }
}

TEST(ImageReceive, ASourceThatFailsSaysWhy) {
  const Bytes image = small_image(3);
  TestVm vm(3);
  for (std::size_t at = 0; at < image.size(); at += 64) {
    OneWaySource source(image, at);
    const io::ReceiveReport report = io::restore_from(vm.vm, source, {.memory_budget = largest_stream(image)});
    ASSERT_EQ(report.restore.fault, RestoreFault::kUnreadable);
    ASSERT_EQ(report.restore.status, Status::kIoTimeout);
    ASSERT_EQ(report.io.status, Status::kIoTimeout);
    ASSERT_EQ(vm.in_use(), 0u);
  }
}

// A length alone takes no memory.
TEST(ImageReceive, AStreamThatOnlyClaimsToBeLongCostsNothing) {
  Bytes image = small_image();
  const std::size_t channel = chunk_offsets(image)[1];
  at<image::ChannelBody>(image, channel + sizeof(image::ChunkHeader)).stream_bytes = std::uint64_t{1} << 40;
  reseal(image, channel);
  at<image::ImageBody>(image, sizeof(image::ChunkHeader)).bytes = std::uint64_t{1} << 41;
  reseal(image, 0);
  TestVm vm;
  OneWaySource source(image);
  const io::ReceiveReport report =
      io::restore_from(vm.vm, source, {.max_bytes = UINT64_MAX, .memory_budget = UINT64_MAX});
  EXPECT_EQ(report.restore.fault, RestoreFault::kMissingTail) << restore_fault_text(report.restore.fault);
  EXPECT_EQ(vm.in_use(), 0u);
}

TEST(ImageReceive, ThroughASocketWhileTheSaveRuns) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Fixture source;
  TestVm destination(kChannels);
  io::ReceiveReport received;
  std::thread receiver([&] {
    const auto from = io::make_stream_source(ends[1], {});
    received = io::restore_from(destination.vm, *from, {.memory_budget = 1 << 20});
  });
  const auto sink = io::make_stream_sink(ends[0], {.buffer_bytes = 4096});
  ASSERT_EQ(source.vm.session.begin({}), Status::kSuccess);
  const io::SendReport sent = io::save_to(source.vm.session, *sink);
  receiver.join();
  EXPECT_EQ(sent.status, Status::kSuccess);
  EXPECT_EQ(received.restore.fault, RestoreFault::kNone) << restore_fault_text(received.restore.fault);
  EXPECT_EQ(received.restore.packets, kInAll);
  EXPECT_EQ(received.bytes, sent.bytes);
  source.vm.session.end(EndMode::kDiscard);
  EXPECT_EQ(source.vm.in_use(), 0u);
  EXPECT_EQ(destination.vm.control().epoch(), 0u);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace vmbsave::test
