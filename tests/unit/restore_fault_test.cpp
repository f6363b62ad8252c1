// Why an image is refused: each fault is told apart, and where it is.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>

#include "io/image_receiver.hpp"
#include "restore/channel_restore.hpp"
#include "unit/image_fixture.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::test {
namespace {

constexpr std::size_t kBody = sizeof(image::ChunkHeader);

RestoreReport report_of(const Bytes& image, TestVm& vm) {
  const RestoreReport report = restore::restore_image(vm.vm, image, {});
  EXPECT_EQ(report.status == Status::kSuccess, report.fault == RestoreFault::kNone);
  return report;
}

RestoreReport report_of(const Bytes& image, unsigned channels = 1) {
  TestVm vm(channels);
  const RestoreReport report = report_of(image, vm);
  if (report.status != Status::kSuccess) {
    EXPECT_EQ(vm.in_use(), 0u);
    EXPECT_EQ(report.packets, 0u);
  }
  return report;
}

// Whose size is not known, as a socket's.
class SizelessSource final : public io::Source {
 public:
  explicit SizelessSource(std::span<const std::byte> bytes) : bytes_(io::make_memory_source(bytes)) {}
  Status read(std::span<std::byte> to, std::size_t& got) noexcept override { return bytes_->read(to, got); }
  const io::IoError& error() const noexcept override { return bytes_->error(); }
  std::uint64_t peak_bytes() const noexcept override { return bytes_->peak_bytes(); }

 private:
  const std::unique_ptr<io::Source> bytes_;
};

// As the image comes from such a source.
io::ReceiveReport received(const Bytes& image, const io::ReceiveOptions& options = {}) {
  TestVm vm;
  SizelessSource source(image);
  const io::ReceiveReport report = io::restore_from(vm.vm, source, options);
  if (report.restore.status != Status::kSuccess) {
    EXPECT_EQ(vm.in_use(), 0u);
  }
  return report;
}

// A change of one chunk that is sealed again, and what it is taken for: with a VM and without.
struct Forgery {
  Bytes image = small_image();
  std::vector<std::size_t> chunks = chunk_offsets(image);  // image, channel, block, directory, end

  template <class Header>
  Header& in(std::size_t chunk, std::size_t offset = kBody) {
    return at<Header>(image, chunks[chunk] + offset);
  }
  image::ChunkHeader& header(std::size_t chunk) { return in<image::ChunkHeader>(chunk, 0); }

  // The fault is found in the chunk at `where`.
  void expect(RestoreFault fault, std::size_t chunk, std::size_t where) {
    reseal(image, chunks[chunk]);
    const RestoreReport report = report_of(image);
    EXPECT_EQ(report.fault, fault) << restore_fault_text(report.fault);
    EXPECT_EQ(report.status, restore_fault_status(fault));
    EXPECT_EQ(report.offset, chunks[where]) << restore_fault_text(fault);
    const RestoreReport checked = restore::check_image(image, {});
    EXPECT_EQ(checked.fault, fault) << restore_fault_text(checked.fault);
    EXPECT_EQ(checked.offset, report.offset);
    EXPECT_EQ(checked.channel, report.channel);
  }
};

TEST(RestoreFaults, EachHasItsWordsAndAStatus) {
  std::set<std::string> texts;
  for (int i = 0; i <= static_cast<int>(RestoreFault::kUnreadable); ++i) {
    const auto fault = static_cast<RestoreFault>(i);
    EXPECT_TRUE(texts.insert(restore_fault_text(fault)).second) << restore_fault_text(fault);
    EXPECT_EQ(restore_fault_status(fault) == Status::kSuccess, fault == RestoreFault::kNone);
  }
}

// Everything that is looked at in it is wrong now. What it was.
image::ChunkHeader spoil(image::ChunkHeader& header) {
  const image::ChunkHeader good = header;
  header.magic ^= 1;
  header.version = 2;
  header.required = 0x80;
  header.bytes += 1;
  return good;
}

// What is looked at first is what is reported: nothing behind it is believed.
TEST(RestoreFaults, AreLookedForInTheirOrder) {
  Bytes image = small_image();
  auto& header = at<image::ChunkHeader>(image, 0);
  const image::ChunkHeader good = spoil(header);
  TestVm vm;
  EXPECT_EQ(restore::restore_image(vm.vm, image, {.max_bytes = image.size() - 1}).fault, RestoreFault::kTooLarge);
  EXPECT_EQ(report_of(image, vm).fault, RestoreFault::kNotAnImage);
  header.magic = good.magic;
  EXPECT_EQ(report_of(image, vm).fault, RestoreFault::kVersion);
  header.version = good.version;
  EXPECT_EQ(report_of(image, vm).fault, RestoreFault::kFeature);
  header.required = good.required;
  EXPECT_EQ(report_of(image, vm).fault, RestoreFault::kLengths);
  header.bytes = good.bytes;
  header.reserved[0] = 1;
  EXPECT_EQ(report_of(image, vm).fault, RestoreFault::kChecksum);
  header.reserved[0] = 0;
  EXPECT_EQ(report_of(image, vm).fault, RestoreFault::kNone);
}

// The same of an image that comes: what its header shows is known before more is asked for.
TEST(RestoreFaults, OfAnImageThatComesAreLookedForInTheirOrder) {
  Bytes image = small_image();
  auto& header = at<image::ChunkHeader>(image, 0);
  const image::ChunkHeader good = spoil(header);
  const auto expect = [&](RestoreFault fault, std::uint64_t bytes, std::uint64_t max_bytes) {
    const io::ReceiveReport report = received(image, {.max_bytes = max_bytes});
    EXPECT_EQ(report.restore.fault, fault) << restore_fault_text(report.restore.fault);
    EXPECT_EQ(report.restore.status, restore_fault_status(fault));
    EXPECT_EQ(report.restore.offset, 0u);
    EXPECT_EQ(report.bytes, bytes) << restore_fault_text(fault);
  };
  TestVm vm;
  const auto sized = io::make_memory_source(image);
  const io::ReceiveReport report = io::restore_from(vm.vm, *sized, {.max_bytes = image.size() - 1});
  EXPECT_EQ(report.restore.fault, RestoreFault::kTooLarge);
  EXPECT_EQ(report.bytes, 0u);
  expect(RestoreFault::kTooLarge, 0, kBody - 1);
  expect(RestoreFault::kNotAnImage, kBody, kBody);
  header.magic = good.magic;
  expect(RestoreFault::kVersion, kBody, kBody);
  header.version = good.version;
  expect(RestoreFault::kFeature, kBody, kBody);
  header.required = good.required;
  expect(RestoreFault::kLengths, kBody, kBody);
  header.bytes = good.bytes;
  header.reserved[0] = 1;
  // How large it is to be stands behind the header, and is not believed before the checksum.
  expect(RestoreFault::kTooLarge, kBody, kBody);
  expect(RestoreFault::kChecksum, image::kImageChunkBytes, image.size() - 1);
  header.reserved[0] = 0;
  expect(RestoreFault::kTooLarge, image::kImageChunkBytes, image.size() - 1);
  expect(RestoreFault::kNone, image.size(), image.size());
}

TEST(RestoreFaults, AMissingTailIsToldFromTrailingBytes) {
  const Bytes good = small_image(2);
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Bytes image(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(report_of(image, 2).fault, RestoreFault::kMissingTail) << size;
  }
  for (const std::size_t more : {1u, 64u, 4096u}) {
    Bytes image(good.size() + more);
    std::copy(good.begin(), good.end(), image.begin());
    EXPECT_EQ(report_of(image, 2).fault, RestoreFault::kTrailingBytes);
  }
  EXPECT_EQ(report_of(good, 2).packets, 10u);
}

TEST(RestoreFaults, OfAChannelChunk) {
  for (const std::uint32_t blocks : {2u, 1u << 20, UINT32_MAX}) {
    Forgery forged;
    forged.in<image::ChannelBody>(1).blocks = blocks;
    forged.in<image::ChannelBody>(1).packets = std::max(5u, blocks);
    forged.in<image::ChannelBody>(1).directory_chunks = image::directory_chunks(std::max(5u, blocks));
    forged.in<image::ImageBody>(0).packets = std::max(5u, blocks);
    reseal(forged.image, 0);
    // Memory for so many chunks is not taken: they do not fit into the stream.
    forged.expect(blocks == 2 ? RestoreFault::kOrder : RestoreFault::kCounts, 1, blocks == 2 ? 3 : 1);
  }
  Forgery kind;
  kind.header(1).kind = 3;
  kind.expect(RestoreFault::kOrder, 1, 1);
  Forgery number;
  number.header(1).channel = 1;
  number.expect(RestoreFault::kOrder, 1, 1);
  Forgery length;
  length.in<image::ChannelBody>(1).stream_bytes += 1 << 20;
  length.expect(RestoreFault::kLengths, 1, 1);
  Forgery body;
  body.header(1).body = 32;
  body.expect(RestoreFault::kLengths, 1, 1);
  Forgery numbers;
  numbers.in<image::ChannelBody>(1).next_sequence = UINT64_MAX;
  numbers.expect(RestoreFault::kNumbering, 1, 1);
}

TEST(RestoreFaults, OfARecord) {
  Forgery direction;
  direction.in<image::LibBuf>(2).direction = 2;
  direction.expect(RestoreFault::kRecord, 2, 2);
  Forgery flags;
  flags.in<image::LibBuf>(2).flags |= 0x80;
  flags.expect(RestoreFault::kRecord, 2, 2);
  Forgery sequence;
  sequence.in<image::LibBuf>(2).sequence = 99;
  sequence.expect(RestoreFault::kNumbering, 2, 2);
  Forgery twice;
  twice.in<image::LibBuf>(2).transaction_id = 2;
  twice.expect(RestoreFault::kDuplicateTransaction, 2, 1);
  Forgery count;
  count.header(2).count = 4;
  count.expect(RestoreFault::kCounts, 2, 2);
}

TEST(RestoreFaults, OfADirectory) {
  Forgery between;
  between.in<image::DirectoryEntry>(3).offset += 16;
  between.expect(RestoreFault::kDirectory, 3, 3);
  Forgery beyond;
  beyond.in<image::DirectoryEntry>(3).offset = 0xFFFFFFF0;
  beyond.expect(RestoreFault::kDirectory, 3, 3);
  Forgery twice;
  twice.in<image::DirectoryEntry>(3, kBody + 8) = twice.in<image::DirectoryEntry>(3);
  twice.expect(RestoreFault::kDirectory, 3, 3);
  Forgery swapped;
  std::swap(swapped.in<image::DirectoryEntry>(3, kBody + 8), swapped.in<image::DirectoryEntry>(3));
  swapped.expect(RestoreFault::kDirectory, 3, 3);
  // Two packets with one number: in order, but none of the two is the first.
  Forgery same;
  image::DirectoryEntry entries[2];
  std::memcpy(entries, &same.in<image::DirectoryEntry>(3), sizeof entries);
  same.in<image::LibBuf>(2, entries[1].offset).sequence = same.in<image::LibBuf>(2, entries[0].offset).sequence;
  same.expect(RestoreFault::kDirectory, 2, 3);
}

TEST(RestoreFaults, OfFeaturesThatNobodyKnows) {
  for (const std::size_t chunk : {0u, 1u, 2u, 3u, 4u}) {
    Forgery forged;
    forged.header(chunk).required = 0x80000000;
    forged.expect(RestoreFault::kFeature, chunk, chunk);
  }
  Forgery streamed;
  streamed.header(2).required = image::kStreamed;  // of a block it says nothing
  streamed.expect(RestoreFault::kFeature, 2, 2);
}

// Of one packet that the host has sent and that still queues for the ring.
Bytes image_of_a_queued_packet(std::uint32_t payload) {
  TestVm vm(1, {.sends = 1});
  packet::Packet* const sent = vm[0]->allocate();
  EXPECT_EQ(vm[0]->claim_send(*sent), packet::ClaimStatus::kClaimed);
  sent->queued = true;
  sent->data_bytes = payload;
  std::memset(sent->payload(vm[0]->config().context_bytes), 7, payload);
  TestChannel::state_of(sent) = {sent->transaction_id, 9};
  vm[0]->publish_send(*sent);
  return save(vm);
}

TEST(RestoreFaults, OfTheDestination) {
  const Bytes image = small_image();
  TestVm two(2);
  EXPECT_EQ(report_of(image, two).fault, RestoreFault::kChannels);
  EXPECT_EQ(report_of(image, two).channel, RestoreReport::kNoChannel);
  TestVm full(1, {.capacity = 4});
  EXPECT_EQ(report_of(image, full).fault, RestoreFault::kPacketLimit);
  const Bytes queued = image_of_a_queued_packet(11);
  TestVm shorter(1, {.sends = 1, .result_bytes = 10});
  EXPECT_EQ(report_of(queued, shorter).fault, RestoreFault::kPayloadLimit);
  EXPECT_EQ(report_of(queued, shorter).channel, 0u);
  TestVm as_long(1, {.sends = 1, .result_bytes = 11});
  EXPECT_EQ(report_of(queued, as_long).packets, 1u);
  packet::Vm mute;
  TestChannel without_callbacks(mute, {}, false);
  EXPECT_EQ(restore::restore_image(mute, image, {}).fault, RestoreFault::kNoCallback);
  EXPECT_EQ(restore::restore_image(mute, small_image(1, 0), {}).fault, RestoreFault::kNone) << "nobody is to be called";
  TestVm used;
  used[0].receive(7, 0);
  EXPECT_EQ(report_of(image, used).fault, RestoreFault::kInUse);
  TestVm saving;
  ASSERT_EQ(saving.session.begin({}), Status::kSuccess);
  EXPECT_EQ(report_of(image, saving).fault, RestoreFault::kBusy);
  saving.session.end(EndMode::kResume);
}

TEST(RestoreFaults, OfRestorePacketNameThePacket) {
  TestVm vm;
  vm[0].restore_hook = [](std::uint64_t id) {
    return id == 3 ? static_cast<std::int32_t>(Status::kUnsuccessful) : TestChannel::kPassOn;
  };
  RestoreReport report = report_of(small_image(), vm);
  EXPECT_EQ(report.fault, RestoreFault::kRefused);
  EXPECT_EQ(report.transaction_id, 3u);
  vm[0].restore_hook = [](std::uint64_t id) { return id == 3 ? 0 : TestChannel::kPassOn; };
  report = report_of(small_image(), vm);
  EXPECT_EQ(report.fault, RestoreFault::kContract);
  EXPECT_EQ(report.transaction_id, 3u);
  vm[0].restore_hook = [](std::uint64_t id) -> std::int32_t {
    if (id == 3) throw 1;
    return TestChannel::kPassOn;
  };
  report = report_of(small_image(), vm);
  EXPECT_EQ(report.fault, RestoreFault::kException);
  EXPECT_EQ(vm.in_use(), 0u);
}

// RestorePacket of channel 0 goes on when one of channel 1 has begun: of a restore of one channel behind the other it
// waits until it gives up.
TEST(ParallelRestore, ChannelsAreRestoredBesideEachOther) {
  TestVm vm(2);
  std::atomic<bool> begun = false;
  bool met = false;
  vm[0].restore_hook = [&](std::uint64_t) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!begun && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    met = begun;
    return met ? TestChannel::kPassOn : static_cast<std::int32_t>(Status::kUnsuccessful);
  };
  vm[1].restore_hook = [&](std::uint64_t) {
    begun = true;
    return TestChannel::kPassOn;
  };
  const auto threads = make_thread_executor(2);  // two, however many processors there are
  EXPECT_EQ(restore::restore_image(vm.vm, small_image(2), {.executor = threads.get()}).packets, 10u);
  EXPECT_TRUE(met);
}

// What a VSP has sent meanwhile is no packet of the image, and nobody's to drop.
TEST(RestoreFaults, OfAChannelThatSendsBetweenItsCheckAndItsRestore) {
  TestVm vm(2, {.sends = 1});
  packet::Packet* sent = nullptr;
  vm[0].restore_hook = [&](std::uint64_t) {
    if (sent == nullptr) {
      sent = vm[1]->allocate();
      EXPECT_EQ(vm[1]->claim_send(*sent), packet::ClaimStatus::kClaimed);
      vm[1]->publish_send(*sent);
    }
    return TestChannel::kPassOn;
  };
  const RestoreReport report = report_of(small_image(2), vm);
  EXPECT_EQ(report.fault, RestoreFault::kInUse);
  EXPECT_EQ(report.channel, 1u);
  EXPECT_EQ(vm[0]->table().count_used(), 0u);
  EXPECT_EQ(vm[1]->find_send(sent->transaction_id), sent);
}

TEST(RestoreFaults, OfTheLowestChannelIsReported) {
  Bytes image = small_image(3);
  const std::vector<std::size_t> chunks = chunk_offsets(image);
  for (const std::size_t block : {chunks[5], chunks[8]}) image[block + kBody + 3] ^= std::byte{1};
  const auto threads = make_executor(2);
  for (Executor* executor : {static_cast<Executor*>(nullptr), threads.get()}) {
    const RestoreReport report = restore::check_image(image, {.executor = executor});
    EXPECT_EQ(report.fault, RestoreFault::kChecksum);
    EXPECT_EQ(report.channel, 1u);
    EXPECT_EQ(report.offset, chunks[5]);
  }
}

// ---- images whose length was not known when they began
// ----------------------------------------------------------------------------

Bytes streamed(const Bytes& whole) {
  Bytes image = whole;
  at<image::ChunkHeader>(image, 0).required = image::kStreamed;
  at<image::ImageBody>(image, kBody).bytes = 0;
  reseal(image, 0);
  const std::size_t end = image.size() - image::kEndChunkBytes;
  image.resize(end + image::kStreamedEndChunkBytes);
  auto& header = at<image::ChunkHeader>(image, end);
  header.required = image::kStreamed;
  header.bytes = image::kStreamedEndChunkBytes;
  header.body = sizeof(image::EndBody);
  at<image::EndBody>(image, end + kBody) = {
      .packets = at<image::ImageBody>(image, kBody).packets, .bytes = image.size(), .reserved = {}};
  reseal(image, end);
  return image;
}

TEST(StreamedImage, RestoresAsAnyOther) {
  TestVm vm(2);
  EXPECT_EQ(report_of(streamed(small_image(2)), vm).packets, 10u);
  EXPECT_EQ(vm.in_use(), 10u);
}

TEST(StreamedImage, EveryTruncationIsAMissingTail) {
  const Bytes good = streamed(small_image(2));
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_EQ(report_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), 2).fault,
              RestoreFault::kMissingTail)
        << size;
  }
}

TEST(StreamedImage, TotalsAndEndsMustAgree) {
  const Bytes good = streamed(small_image());
  const std::size_t end = good.size() - image::kStreamedEndChunkBytes;
  Bytes image = good;
  at<image::EndBody>(image, end + kBody).packets += 1;
  reseal(image, end);
  EXPECT_EQ(report_of(image).fault, RestoreFault::kCounts);
  image = good;
  at<image::EndBody>(image, end + kBody).bytes -= 64;
  reseal(image, end);
  EXPECT_EQ(report_of(image).fault, RestoreFault::kCounts);
  image = good;
  at<image::ChunkHeader>(image, end).required = 0;
  reseal(image, end);
  EXPECT_EQ(report_of(image).fault, RestoreFault::kOrder) << "the end of an image that was not streamed";
  image = good;
  at<image::ChunkHeader>(image, 0).required = 0;
  at<image::ImageBody>(image, kBody).bytes = image.size();
  reseal(image, 0);
  EXPECT_EQ(report_of(image).fault, RestoreFault::kOrder) << "an end with totals behind a head with totals";
  image = good;
  image.resize(image.size() + 64);
  EXPECT_EQ(report_of(image).fault, RestoreFault::kTrailingBytes);
}

// ---- what later writers may add
// ---------------------------------------------------------------------------------------------------

void reseal_all(Bytes& image) {
  for (const std::size_t chunk : chunk_offsets(image)) {
    if (chunk < image.size()) reseal(image, chunk);
  }
}

// Whether the image lies in memory or comes.
void expect_restores(const Bytes& image) {
  EXPECT_EQ(report_of(image).packets, 5u);
  EXPECT_EQ(received(image).restore.packets, 5u);
}
void expect_refused(const Bytes& image, RestoreFault fault, std::size_t offset) {
  for (const RestoreReport& report : {report_of(image), restore::check_image(image, {}), received(image).restore}) {
    EXPECT_EQ(report.fault, fault) << restore_fault_text(report.fault);
    EXPECT_EQ(report.offset, offset);
  }
}

// A small image with `more` bytes behind the body of a chunk, which are the body's too.
Bytes with_more(std::size_t chunk, std::uint32_t more, Bytes image = small_image()) {
  const std::vector<std::size_t> chunks = chunk_offsets(image);  // image, channel, block, directory, end
  auto& header = at<image::ChunkHeader>(image, chunks[chunk]);
  header.body += more;
  header.bytes += more;
  if (chunk != 0 && chunk != 4) at<image::ChannelBody>(image, chunks[1] + kBody).stream_bytes += more;
  if (at<image::ChunkHeader>(image, 0).required != image::kStreamed) {
    at<image::ImageBody>(image, kBody).bytes += more;
  } else {
    at<image::EndBody>(image, chunks[4] + kBody).bytes += more;
  }
  image.insert(image.begin() + static_cast<std::ptrdiff_t>(chunks[chunk + 1]), more, std::byte{0xEE});
  reseal_all(image);
  return image;
}

TEST(LaterWriters, ReservedFieldsOfEveryChunkAreSkipped) {
  for (const bool is_streamed : {false, true}) {
    Forgery forged;
    if (is_streamed) forged.image = streamed(forged.image);
    for (std::size_t chunk = 0; chunk < 5; ++chunk) {
      for (std::uint64_t& reserved : forged.header(chunk).reserved) reserved = UINT64_MAX;
    }
    forged.in<image::ImageBody>(0).reserved0 = UINT32_MAX;
    for (std::uint64_t& reserved : forged.in<image::ChannelBody>(1).reserved) reserved = UINT64_MAX;
    const std::size_t end = kBody + forged.header(2).body;
    for (std::size_t offset = kBody; offset < end; offset += forged.in<image::LibBuf>(2, offset).record_bytes) {
      forged.in<image::LibBuf>(2, offset).reserved = UINT16_MAX;
    }
    if (is_streamed) {
      for (std::uint64_t& reserved : forged.in<image::EndBody>(4).reserved) reserved = UINT64_MAX;
    }
    reseal_all(forged.image);
    expect_restores(forged.image);
  }
}

TEST(LaterWriters, FieldsBehindABodyAreSkippedUpToALimit) {
  for (const std::size_t chunk : {0u, 1u, 4u}) {
    for (const bool is_streamed : {false, true}) {
      const Bytes image = is_streamed ? streamed(small_image()) : small_image();
      const std::vector<std::size_t> chunks = chunk_offsets(image);
      const auto room = static_cast<std::uint32_t>(4096 - (chunks[chunk + 1] - chunks[chunk]));
      expect_restores(with_more(chunk, 64, image));
      expect_restores(with_more(chunk, room, image));
      expect_refused(with_more(chunk, room + 64, image), RestoreFault::kLengths, chunks[chunk]);
    }
  }
}

// Their bodies are records and entries up to the end.
TEST(LaterWriters, CannotAddFieldsBehindRecordsAndEntries) {
  const std::vector<std::size_t> chunks = chunk_offsets(small_image());
  expect_refused(with_more(2, 64), RestoreFault::kRecord, chunks[2]);
  expect_refused(with_more(3, 64), RestoreFault::kDirectory, chunks[3]);
}

}  // namespace
}  // namespace vmbsave::test
