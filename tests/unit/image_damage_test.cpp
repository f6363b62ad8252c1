#include <gtest/gtest.h>

#include "restore/channel_restore.hpp"
#include "unit/image_fixture.hpp"

namespace vmbsave::test {
namespace {

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
  EXPECT_EQ(restore(image), Status::kDataError);
}

TEST(ImageDamage, EachKindHasItsStatus) {
  Bytes image = small_image();
  at<image::ChunkHeader>(image, 0).magic ^= 1;
  EXPECT_EQ(restore(image), Status::kInvalidImageFormat);
  image = small_image();
  at<image::ChunkHeader>(image, 0).version = 2;
  EXPECT_EQ(restore(image), Status::kRevisionMismatch);
  image = small_image();
  at<image::ChunkHeader>(image, 0).required = 2;
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

// What is written behind a record, a directory or a stream is not believed.
TEST(HostileImage, LengthsThatReachTooFarAreRefused) {
  const Bytes good = small_image();
  const std::vector<std::size_t> chunks = chunk_offsets(good);
  const std::size_t channel = chunks[1], block = chunks[2], directory = chunks[3];
  const std::size_t body = sizeof(image::ChunkHeader);
  Bytes image = good;
  at<image::ChunkHeader>(image, block).body = at<image::ChunkHeader>(image, block).bytes - 32;
  reseal(image, block);
  EXPECT_EQ(restore(image), Status::kInvalidBufferSize) << "a body longer than its chunk";

  image::DirectoryEntry last;
  std::memcpy(&last, good.data() + directory + body + 4 * sizeof last, sizeof last);
  image = good;
  at<image::LibBuf>(image, block + last.offset).record_bytes += 16;
  reseal(image, block);
  EXPECT_EQ(restore(image), Status::kDataError) << "the last record ends behind its block";
  image = good;
  at<image::LibBuf>(image, block + last.offset).save_bytes = 4096;
  reseal(image, block);
  TestVm vm;
  unsigned calls = 0;
  vm[0].restore_hook = [&](std::uint64_t) { return ++calls, TestChannel::kPassOn; };
  EXPECT_EQ(restore(image, vm), Status::kDataError) << "a state longer than its record";
  EXPECT_EQ(calls, 0u);

  image = good;
  at<image::ChunkHeader>(image, directory).count = 4;
  at<image::ChunkHeader>(image, directory).body = 4 * sizeof last;
  reseal(image, directory);
  EXPECT_EQ(restore(image), Status::kDataError) << "a directory of fewer packets";

  image = good;
  at<image::ChannelBody>(image, channel + body).stream_bytes += 64;
  reseal(image, channel);
  restore::ChannelRestore of_channel(*vm[0]);
  EXPECT_EQ(of_channel.feed(stream_of(image)), Status::kDataError) << "a stream shorter than it says";
  EXPECT_EQ(vm.in_use(), 0u);

  image = good;
  image.resize(good.size() + 64);
  at<image::ImageBody>(image, body).bytes += 64;
  reseal(image, 0);
  EXPECT_EQ(restore(image), Status::kDataError) << "bytes behind the end";
}

TEST(HostileImage, ChannelsOutOfOrderAreRefused) {
  const Bytes good = small_image(2);
  const std::vector<std::size_t> chunks = chunk_offsets(good);
  ASSERT_EQ(chunks.size(), 9u) << "image, two channels of three chunks, end";
  const auto iter = [&](std::size_t chunk) { return good.begin() + static_cast<std::ptrdiff_t>(chunks[chunk]); };
  Bytes image(iter(0), iter(1));
  image.insert(image.end(), iter(4), iter(7));
  image.insert(image.end(), iter(1), iter(4));
  image.insert(image.end(), iter(7), good.end());
  ASSERT_EQ(image.size(), good.size());
  EXPECT_EQ(restore(image, 2), Status::kDataError);
}

// Two blocks put together, with all that must agree: as many as a block may hold, and one more.
TEST(HostileImage, ABlockHoldsNoMoreThanItMay) {
  const std::size_t body = sizeof(image::ChunkHeader);
  for (const std::uint32_t second : {0u, 1u}) {
    TestVm vm(1, {.capacity = 100});
    for (std::uint64_t id = 1; id <= image::kBlockPackets + second; ++id) vm[0].receive(id, 0);
    Bytes image = save(vm);
    const std::vector<std::size_t> chunks = chunk_offsets(image);
    if (second == 1) {
      ASSERT_EQ(chunks.size(), 7u) << "image, channel, two blocks, directory, end";
      const std::size_t first = chunks[2], next = chunks[3], directory = chunks[4];
      const std::uint32_t records = at<image::ChunkHeader>(image, first).body;
      const std::uint32_t more = at<image::ChunkHeader>(image, next).body;
      std::memcpy(image.data() + first + body + records, image.data() + next + body, more);
      const std::size_t end = base::align_up(first + body + records + more, image::kChunkAlignment);
      for (std::size_t i = 0; i < chunks[5] - directory; i += image::kChunkAlignment) {
        std::memmove(image.data() + end + i, image.data() + directory + i, image::kChunkAlignment);
      }
      std::memmove(image.data() + end + (chunks[5] - directory), image.data() + chunks[5], image.size() - chunks[5]);
      const std::size_t gone = directory - end;
      image.resize(image.size() - gone);
      auto& block = at<image::ChunkHeader>(image, first);
      block.count = image::kBlockPackets + 1;
      block.body = records + more;
      block.bytes = static_cast<std::uint32_t>(end - first);
      at<image::ChunkHeader>(image, end).ordinal = 2;
      at<image::DirectoryEntry>(image, end + body + image::kBlockPackets * sizeof(image::DirectoryEntry)) = {
          1, static_cast<std::uint32_t>(body + records)};
      at<image::ChannelBody>(image, chunks[1] + body).blocks = 1;
      at<image::ChannelBody>(image, chunks[1] + body).stream_bytes -= gone;
      at<image::ImageBody>(image, body).bytes -= gone;
      for (const std::size_t chunk : {std::size_t{0}, chunks[1], first, end}) reseal(image, chunk);
    }
    TestVm destination(1, {.capacity = 100});
    EXPECT_EQ(restore(image, destination), second == 0 ? Status::kSuccess : Status::kDataError);
  }
}

// Of a stream that comes in pieces, the first says that there is no room: before memory is taken for the rest.
TEST(HostileImage, TooManyPacketsAreRefusedWithTheFirstChunk) {
  const Bytes image = small_image(1, 5);
  TestVm vm(1, {.capacity = 4});
  restore::ChannelRestore restore(*vm[0]);
  EXPECT_EQ(restore.feed(stream_of(image).first(image::kChannelChunkBytes)), Status::kQuotaExceeded);
}

}  // namespace
}  // namespace vmbsave::test
