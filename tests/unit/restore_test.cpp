#include <gtest/gtest.h>

#include <algorithm>

#include "image/checksum.hpp"
#include "image/chunk_reader.hpp"
#include "restore/channel_restore.hpp"
#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

using Bytes = std::vector<std::byte>;

Bytes save(TestVm& vm) {
  save_packets(vm);
  Bytes bytes = image_of(vm);
  vm.session.end(EndMode::kResume);
  return bytes;
}

Bytes small_image(unsigned channels = 1, unsigned packets = 5) {
  TestVm vm(channels);
  for (unsigned c = 0; c < channels; ++c) {
    for (unsigned i = 0; i < packets; ++i) vm[c].receive(c * 100 + i + 1, i * 9);
  }
  return save(vm);
}

// Offsets of the chunks of an image, its end included.
std::vector<std::size_t> chunk_offsets(const Bytes& image) {
  std::vector<std::size_t> offsets{0};
  while (offsets.back() < image.size()) {
    image::ChunkHeader header;
    std::memcpy(&header, image.data() + offsets.back(), sizeof header);
    offsets.push_back(offsets.back() + header.bytes);
  }
  return offsets;
}

// The stream of the only channel of an image.
std::span<const std::byte> stream_of(const Bytes& image) {
  return std::span(image).subspan(image::kImageChunkBytes,
                                  image.size() - image::kImageChunkBytes - image::kEndChunkBytes);
}

template <class Header>
Header& at(Bytes& image, std::size_t offset) {
  return *reinterpret_cast<Header*>(image.data() + offset);
}

void reseal(Bytes& image, std::size_t offset) {
  auto& header = at<image::ChunkHeader>(image, offset);
  header.checksum = image::chunk_checksum(image.data() + offset, header.bytes);
}

Status restore(const Bytes& image, TestVm& vm) { return restore::restore_image(vm.vm, image, {}).status; }

Status restore(const Bytes& image, unsigned channels = 1) {
  TestVm vm(channels);
  const Status status = restore(image, vm);
  if (status != Status::kSuccess) {
    EXPECT_EQ(vm.in_use(), 0u);
  }
  return status;
}

// ---- damage
// --------------------------------------------------------------------------------------------------------------------

TEST(ImageDamage, EverySingleBitIsNoticed) {
  Bytes image = small_image(2);
  TestVm vm(2);
  ASSERT_LT(image.size(), 8192u);
  for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
    image[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_NE(restore(image, vm), Status::kSuccess) << "bit " << bit % 8 << " of byte " << bit / 8;
    ASSERT_EQ(vm.in_use(), 0u);
    image[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_EQ(restore(image, vm), Status::kSuccess);
}

TEST(ImageDamage, EveryTruncationIsNoticed) {
  const Bytes image = small_image(2);
  TestVm vm(2);
  for (std::size_t size = 0; size < image.size(); ++size) {
    ASSERT_NE(restore(Bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size)), vm), Status::kSuccess);
    ASSERT_EQ(vm.in_use(), 0u);
  }
}

TEST(ImageDamage, TrailingBytesAreNoticed) {
  Bytes image = small_image();
  image.resize(image.size() + 64);
  EXPECT_EQ(restore(image), Status::kInvalidBufferSize);
}

TEST(ImageDamage, EachKindHasItsStatus) {
  Bytes image = small_image();
  at<image::ChunkHeader>(image, 0).magic ^= 1;
  EXPECT_EQ(restore(image), Status::kInvalidImageFormat);
  image = small_image();
  at<image::ChunkHeader>(image, 0).version = 2;
  EXPECT_EQ(restore(image), Status::kRevisionMismatch);
  image = small_image();
  at<image::ChunkHeader>(image, 0).required = 1;
  EXPECT_EQ(restore(image), Status::kRevisionMismatch);
  image = small_image();
  image.back() ^= std::byte{1};
  EXPECT_EQ(restore(image), Status::kCrcError);
  EXPECT_EQ(restore(small_image(2), 3), Status::kInvalidParameter) << "another number of channels";
  TestVm vm;
  EXPECT_EQ(restore::restore_image(vm.vm, small_image(), {.max_bytes = 100}).status, Status::kInvalidBufferSize);
}

// ---- images that are sealed but contradict themselves
// ----------------------------------------------------------------------------

TEST(HostileImage, SealedContradictionsAreRefused) {
  const Bytes good = small_image();
  const std::vector<std::size_t> chunks = chunk_offsets(good);
  const std::size_t channel = chunks[1], block = chunks[2], directory = chunks[3];
  const auto expect = [&](Status status, std::size_t chunk, auto&& change) {
    Bytes image = good;
    change(image);
    reseal(image, chunk);
    EXPECT_EQ(restore(image), status) << status_name(status);
  };
  const std::size_t body = sizeof(image::ChunkHeader);
  expect(Status::kDataError, channel, [&](Bytes& i) { at<image::ChannelBody>(i, channel + body).blocks = 2; });
  expect(Status::kDataError, channel, [&](Bytes& i) { at<image::ChannelBody>(i, channel + body).packets = 1 << 30; });
  expect(Status::kDataError, channel, [&](Bytes& i) { at<image::ChannelBody>(i, channel + body).packets = 4; });
  expect(Status::kDataError, channel, [&](Bytes& i) { at<image::ChannelBody>(i, channel + body).next_sequence = 2; });
  expect(Status::kInvalidBufferSize, channel,
         [&](Bytes& i) { at<image::ChannelBody>(i, channel + body).stream_bytes = UINT64_MAX; });
  expect(Status::kDataError, channel,
         [&](Bytes& i) { at<image::ChannelBody>(i, channel + body).next_sequence = UINT64_MAX; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::ChunkHeader>(i, block).count = 99; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::LibBuf>(i, block + body).payload_bytes = 16; });
  expect(Status::kDataError, directory,
         [&](Bytes& i) { at<image::DirectoryEntry>(i, directory + body + 8).offset += 16; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::ChunkHeader>(i, block).ordinal = 9; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::ChunkHeader>(i, block).channel = 9; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::LibBuf>(i, block + body).record_bytes = 0xFFFFFFF0; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::LibBuf>(i, block + body).save_bytes = 0xFFFFFFFF; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::LibBuf>(i, block + body).payload_bytes = 0xFFFFFFFF; });
  expect(Status::kDataError, block, [&](Bytes& i) { at<image::LibBuf>(i, block + body).direction = 2; });
  expect(Status::kObjectNameCollision, block, [&](Bytes& i) { at<image::LibBuf>(i, block + body).transaction_id = 2; });
  expect(Status::kDataError, directory,
         [&](Bytes& i) { at<image::DirectoryEntry>(i, directory + body).offset = 0xFFFFFFF0; });
  expect(Status::kDataError, directory, [&](Bytes& i) { at<image::DirectoryEntry>(i, directory + body).offset += 4; });
  expect(Status::kDataError, directory, [&](Bytes& i) { at<image::DirectoryEntry>(i, directory + body).ordinal = 0; });
  expect(Status::kDataError, directory, [&](Bytes& i) { at<image::DirectoryEntry>(i, directory + body).ordinal = 7; });
  expect(Status::kDataError, directory, [&](Bytes& i) {
    at<image::DirectoryEntry>(i, directory + body) = at<image::DirectoryEntry>(i, directory + body + 8);
  });
}

TEST(HostileImage, NothingRunsBeforeEveryChannelIsChecked) {
  Bytes image = small_image(2);
  image[image.size() - 200] ^= std::byte{1};  // in the last channel
  TestVm vm(2);
  EXPECT_NE(restore(image, vm), Status::kSuccess);
  EXPECT_TRUE(vm[0].restored_order.empty());
}

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
