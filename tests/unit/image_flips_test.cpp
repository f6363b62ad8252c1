#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "unit/image_fixture.hpp"

namespace vmbsave::test {
namespace {

// Every bit of a small image, and every length: with the checksum as it is, and behind a checksum that is right.
class ImageFlips : public testing::Test {
 protected:
  // What RestorePacket got: LibBuf and SaveBuf.
  using Got = std::vector<std::pair<Bytes, Bytes>>;

  ImageFlips() {
    for (unsigned c = 0; c < vm.size(); ++c) {
      vm[c].on_restoring = [this, c](std::span<const std::byte> lib, std::span<const std::byte> state) {
        got[c].emplace_back(Bytes(lib.begin(), lib.end()), Bytes(state.begin(), state.end()));
      };
    }
    good = saved_image();
    EXPECT_EQ(restored(good), Status::kSuccess);
    expected = got;
    EXPECT_EQ(expected[0].size(), 5u);
    EXPECT_EQ(expected[1].size(), 3u);
    empty();
  }

  // Stateless, with states of odd and even lengths, and on one channel a packet that is queued with its payload.
  static Bytes saved_image() {
    TestVm source(2, kConfig);
    for (std::uint64_t id = 1; id <= 4; ++id) source[0].receive(id, static_cast<std::uint32_t>(id - 1) * 13);
    for (std::uint64_t id = 5; id <= 7; ++id) source[1].receive(id, 16);
    packet::Packet* const sent = source[0]->allocate();
    EXPECT_EQ(source[0]->claim_send(*sent), packet::ClaimStatus::kClaimed);
    sent->queued = true;
    sent->data_bytes = 11;
    std::memcpy(sent->payload(sizeof(PacketState)), "eleven byte", 11);
    TestChannel::state_of(sent) = {sent->transaction_id, 9};
    source[0]->publish_send(*sent);
    return save(source);
  }

  Status restored(const Bytes& image) {
    got[0].clear();
    got[1].clear();
    return restore(image, vm);
  }

  void empty() {
    for (unsigned c = 0; c < vm.size(); ++c) vm[c]->drop_all();
  }

  // Refused, with nothing left, and no harm done; or restored as it was saved.
  void expect_refused_or_same(const Bytes& image) {
    if (restored(image) != Status::kSuccess) {
      ASSERT_EQ(vm.in_use(), 0u);
      ASSERT_EQ(restored(good), Status::kSuccess);
    }
    ASSERT_TRUE(got == expected);
    empty();
  }

  // A reader cannot know that it was changed: refused, or as many packets as it says are in use.
  void expect_refused_or_whole(const Bytes& image) {
    if (restored(image) != Status::kSuccess) {
      ASSERT_EQ(vm.in_use(), 0u);
      ASSERT_EQ(restored(good), Status::kSuccess);
      ASSERT_TRUE(got == expected);
    }
    ASSERT_EQ(got[0].size(), expected[0].size());
    ASSERT_EQ(got[1].size(), expected[1].size());
    ASSERT_EQ(vm.in_use(), expected[0].size() + expected[1].size());
    empty();
  }

  static constexpr packet::ChannelConfig kConfig{.capacity = 8, .sends = 2, .result_bytes = 64};
  TestVm vm{2, kConfig};
  Bytes good;
  std::array<Got, 2> got;
  std::array<Got, 2> expected;
};

TEST_F(ImageFlips, EveryBit) {
  ASSERT_LT(good.size(), 4096u);
  Bytes image = good;
  for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
    const std::byte mask = std::byte{1} << (bit % 8);
    image[bit / 8] ^= mask;
    expect_refused_or_same(image);
    if (HasFatalFailure()) FAIL() << "bit " << bit % 8 << " of byte " << bit / 8;
    image[bit / 8] ^= mask;
  }
}

TEST_F(ImageFlips, EveryTruncation) {
  for (std::size_t size = 0; size < good.size(); ++size) {
    expect_refused_or_same(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    if (HasFatalFailure()) FAIL() << "cut to " << size;
  }
}

TEST_F(ImageFlips, EveryBitBehindItsSeal) {
  const std::vector<std::size_t> chunks = chunk_offsets(good);
  Bytes image = good;
  for (std::size_t chunk = 0; chunk + 1 < chunks.size(); ++chunk) {
    for (std::size_t bit = chunks[chunk] * 8; bit < chunks[chunk + 1] * 8; ++bit) {
      image[bit / 8] ^= std::byte{1} << (bit % 8);
      auto& header = at<image::ChunkHeader>(image, chunks[chunk]);
      header.checksum = image::chunk_checksum(image.data() + chunks[chunk], chunks[chunk + 1] - chunks[chunk]);
      expect_refused_or_whole(image);
      if (HasFatalFailure()) FAIL() << "bit " << bit % 8 << " of byte " << bit / 8;
      std::copy(good.begin() + static_cast<std::ptrdiff_t>(chunks[chunk]),
                good.begin() + static_cast<std::ptrdiff_t>(chunks[chunk + 1]),
                image.begin() + static_cast<std::ptrdiff_t>(chunks[chunk]));
    }
  }
}

}  // namespace
}  // namespace vmbsave::test
