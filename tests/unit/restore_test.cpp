#include <gtest/gtest.h>

#include <algorithm>

#include "restore/channel_restore.hpp"
#include "unit/image_fixture.hpp"

namespace vmbsave::test {
namespace {

// ---- whole chunks
// -----------------------------------------------------------------------------------------------------------------

TEST(ChannelRestore, TakesWholeChunksInAnyPortions) {
  const Bytes image = small_image(1, 100);
  const auto stream = stream_of(image);
  std::vector<std::size_t> ends;
  for (const std::size_t offset : chunk_offsets(image)) {
    if (offset > image::kImageChunkBytes && offset <= image::kImageChunkBytes + stream.size()) {
      ends.push_back(offset - image::kImageChunkBytes);
    }
  }
  for (std::size_t portion = 1; portion <= ends.size(); ++portion) {
    TestVm vm;
    restore::ChannelRestore restore(*vm[0]);
    std::size_t from = 0;
    Status status = Status::kSuccess;
    for (std::size_t i = portion - 1;; i += portion) {
      const std::size_t to = ends[std::min(i, ends.size() - 1)];
      Bytes buffer(stream.begin() + static_cast<std::ptrdiff_t>(from),
                   stream.begin() + static_cast<std::ptrdiff_t>(to));
      status = restore.feed(buffer);
      std::fill(buffer.begin(), buffer.end(), std::byte{0xAA});  // the caller's again
      from = to;
      if (to == stream.size()) break;
      ASSERT_EQ(status, Status::kMoreProcessingRequired);
      ASSERT_EQ(vm.in_use(), 0u) << "nothing runs before the last chunk";
    }
    ASSERT_EQ(status, Status::kSuccess);
    EXPECT_EQ(vm.in_use(), 100u);
    EXPECT_EQ(restore.feed(stream), Status::kInvalidDeviceState) << "after success";
  }
}

TEST(ChannelRestore, MisalignedBufferReachesCallbacksAligned) {
  const Bytes image = small_image(1, 30);
  const auto stream = stream_of(image);
  Bytes shifted(stream.size() + 1);
  std::copy(stream.begin(), stream.end(), shifted.begin() + 1);
  TestVm vm;
  restore::ChannelRestore restore(*vm[0]);
  EXPECT_EQ(restore.feed(std::span(shifted).subspan(1)), Status::kSuccess);
  EXPECT_EQ(vm.in_use(), 30u);
}

TEST(ChannelRestore, PartOfAChunkFailsWithoutACallback) {
  const Bytes image = small_image();
  TestVm vm;
  restore::ChannelRestore restore(*vm[0]);
  EXPECT_EQ(restore.feed(stream_of(image).first(100)), Status::kInvalidBufferSize);
  EXPECT_TRUE(vm[0].restored_order.empty());
  EXPECT_FALSE(restore.underway());
  EXPECT_EQ(restore.feed(stream_of(image)), Status::kSuccess) << "a failed restore leaves the channel usable";
}

TEST(ChannelRestore, RefusesAChannelInUse) {
  TestVm vm;
  vm[0].receive(1, 0);
  restore::ChannelRestore restore(*vm[0]);
  EXPECT_EQ(restore.feed(stream_of(small_image())), Status::kInvalidDeviceState);
  EXPECT_EQ(vm.in_use(), 1u);
}

TEST(ChannelRestore, RefusesMorePacketsThanTheChannelHolds) {
  TestVm vm(1, {.capacity = 4});
  restore::ChannelRestore restore(*vm[0]);
  EXPECT_EQ(restore.feed(stream_of(small_image(1, 5))), Status::kQuotaExceeded);
}

// ---- whole images
// -----------------------------------------------------------------------------------------------------------------

TEST(ImageRestore, RefusesAChannelInUse) {
  TestVm vm(2);
  vm[1].receive(7, 0);
  const RestoreReport report = restore::restore_image(vm.vm, small_image(2), {});
  EXPECT_EQ(report.status, Status::kInvalidDeviceState);
  EXPECT_EQ(report.channel, 1u);
  EXPECT_TRUE(vm[0].restored_order.empty());
  EXPECT_EQ(vm.in_use(), 1u);
}

TEST(ImageRestore, IsRefusedWhileASaveRuns) {
  TestVm vm;
  const Bytes image = small_image();
  ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(restore(image, vm), Status::kDeviceBusy);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(restore(image, vm), Status::kSuccess);
}

TEST(ImageRestore, AFailureInOneChannelEmptiesAll) {
  TestVm vm(2);
  vm[1].restore_hook = [](std::uint64_t) { return static_cast<std::int32_t>(Status::kUnsuccessful); };
  EXPECT_EQ(restore(small_image(2), vm), Status::kUnsuccessful);
  EXPECT_EQ(vm[0].restored_order.size(), 5u);
  EXPECT_EQ(vm.in_use(), 0u);
}

// ---- what a RestorePacket may do
// ----------------------------------------------------------------------------------------------------

TEST(RestorePacket, FailureInTheMiddleLeavesTheChannelEmptyAndUsable) {
  const Bytes image = small_image(1, 50);
  TestVm vm;
  vm[0].restore_hook = [](std::uint64_t id) {
    return id == 30 ? static_cast<std::int32_t>(Status::kUnsuccessful) : TestChannel::kPassOn;
  };
  EXPECT_EQ(restore(image, vm), Status::kUnsuccessful);
  EXPECT_EQ(vm[0].restored_order.size(), 29u);
  EXPECT_EQ(vm.in_use(), 0u);
  EXPECT_EQ(vm[0]->allocated(), 0u);
  vm[0].restore_hook = nullptr;
  EXPECT_EQ(restore(image, vm), Status::kSuccess);
  EXPECT_EQ(vm.in_use(), 50u);
}

TEST(RestorePacket, ItsFailureIsNotTakenForProgress) {
  TestVm vm;
  vm[0].restore_hook = [](std::uint64_t id) {
    return id == 3 ? static_cast<std::int32_t>(Status::kMoreProcessingRequired) : TestChannel::kPassOn;
  };
  const Bytes image = small_image();
  restore::ChannelRestore restore(*vm[0]);
  EXPECT_EQ(restore.feed(stream_of(image)), Status::kInvalidDeviceRequest);
  EXPECT_EQ(vm.in_use(), 0u);
  vm[0].restore_hook = nullptr;
  EXPECT_EQ(restore.feed(stream_of(image)), Status::kSuccess);
}

TEST(RestorePacket, SuccessWithoutVmbPacketRestoreIsABrokenContract) {
  TestVm vm;
  vm[0].restore_hook = [](std::uint64_t) { return 0; };
  EXPECT_EQ(restore(small_image(), vm), Status::kInvalidDeviceRequest);
  EXPECT_EQ(vm.in_use(), 0u);
}

TEST(RestorePacket, DiscardGivesRestoredPacketsBack) {
  TestVm vm;
  ASSERT_EQ(restore(small_image(1, 30), vm), Status::kSuccess);
  EXPECT_EQ(vm[0]->allocated(), 30u);
  save_packets(vm);
  vm.session.end(EndMode::kDiscard);
  EXPECT_EQ(vm[0]->allocated(), 0u);
}

TEST(RestorePacket, RestoredPacketIsCompletedLikeAnyOther) {
  const Bytes image = small_image(1, 3);
  TestVm vm;
  ASSERT_EQ(restore(image, vm), Status::kSuccess);
  for (std::uint32_t slot = 0; slot < 3; ++slot) {
    EXPECT_EQ(vm[0].complete(vm[0]->packet_at(slot), 5), Status::kSuccess);
  }
  ASSERT_EQ(vm[0].completions().size(), 3u);
  EXPECT_EQ(vm[0].completions()[0].transaction_id, 1u);
  EXPECT_EQ(vm.in_use(), 0u);
  packet::Packet* const next = vm[0].receive(9, 0);
  EXPECT_GE(next->sequence, 3u) << "later packets come after the restored ones";
}

}  // namespace
}  // namespace vmbsave::test
