// The bytes of an image against engine/FORMAT.md, by offset: nothing here uses the engine's structures.
#include <gtest/gtest.h>

#include <xxhash.h>

#include <cstring>
#include <vector>

#include "image/checksum.hpp"
#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

class Image {
 public:
  Image() {
    TestVm vm(1, {.capacity = 50, .result_bytes = 8});
    vm[0].receive(0x1122334455667788, 5);
    vm[0].receive(9, 0);
    save_packets(vm);
    bytes_ = image_of(vm);
    vm.session.end(EndMode::kResume);
  }

  template <class T>
  T at(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::uint32_t u32(std::size_t offset) const { return at<std::uint32_t>(offset); }
  std::uint64_t u64(std::size_t offset) const { return at<std::uint64_t>(offset); }
  std::size_t size() const { return bytes_.size(); }
  const std::byte* data() const { return bytes_.data(); }

 private:
  std::vector<std::byte> bytes_;
};

constexpr std::size_t kImage = 0, kChannel = 128, kBlock = 256, kDirectory = 448, kEnd = 576;

TEST(Format, ChunksFollowEachOther) {
  const Image image;
  ASSERT_EQ(image.size(), kEnd + 64);
  struct Chunk {
    std::size_t offset, next;
    std::uint16_t kind;
    std::uint32_t ordinal, count, body;
  };
  for (const Chunk& c : {Chunk{kImage, kChannel, 1, 0, 0, 64}, Chunk{kChannel, kBlock, 2, 0, 0, 64},
                         Chunk{kBlock, kDirectory, 3, 1, 2, 80}, Chunk{kDirectory, kEnd, 4, 2, 2, 16},
                         Chunk{kEnd, kEnd + 64, 5, 0, 0, 0}}) {
    EXPECT_EQ(std::memcmp(image.data() + c.offset, "VMBS", 4), 0);
    EXPECT_EQ(image.at<std::uint16_t>(c.offset + 4), 1);
    EXPECT_EQ(image.at<std::uint16_t>(c.offset + 6), c.kind);
    EXPECT_EQ(image.u32(c.offset + 8), c.next - c.offset);
    EXPECT_EQ(image.u32(c.offset + 12), 0u);
    EXPECT_EQ(image.u32(c.offset + 16), 0u);
    EXPECT_EQ(image.u32(c.offset + 20), c.ordinal);
    EXPECT_EQ(image.u32(c.offset + 24), c.count);
    EXPECT_EQ(image.u32(c.offset + 28), c.body);
    const std::uint64_t seed = XXH3_64bits(image.data() + c.offset, 56);
    EXPECT_EQ(image.u64(c.offset + 56),
              XXH3_64bits_withSeed(image.data() + c.offset + 64, c.next - c.offset - 64, seed));
  }
}

// Which one a processor takes is no matter of the image.
TEST(Format, ChecksumsAreTheSameByAnyInstructions) {
  std::vector<std::byte> chunk(64 << 10);
  for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = std::byte(i * 37 + (i >> 8));
  for (std::uint64_t bytes = 64; bytes <= chunk.size(); bytes += bytes < 4096 ? 16 : 4096) {
    EXPECT_EQ(image::chunk_checksum(chunk.data(), bytes), image::chunk_checksum_portable(chunk.data(), bytes)) << bytes;
  }
}

TEST(Format, BodiesAsDescribed) {
  const Image image;
  EXPECT_EQ(image.u32(kImage + 64), 1u);
  EXPECT_EQ(image.u32(kImage + 68), 0x000100u);
  EXPECT_EQ(image.u64(kImage + 72), 2u);
  EXPECT_EQ(image.u64(kImage + 80), image.size());
  EXPECT_EQ(image.u32(kImage + 88), 4096u);
  EXPECT_STREQ(reinterpret_cast<const char*>(image.data()) + kImage + 96, "vmbsave");

  EXPECT_EQ(image.u32(kChannel + 64), 2u);
  EXPECT_EQ(image.u32(kChannel + 68), 1u);
  EXPECT_EQ(image.u32(kChannel + 72), 1u);
  EXPECT_EQ(image.u32(kChannel + 76), 50u);
  EXPECT_EQ(image.u64(kChannel + 80), kEnd - kChannel);
  EXPECT_EQ(image.u64(kChannel + 88), 2u);
  EXPECT_EQ(image.u32(kChannel + 96), sizeof(PacketState));
  EXPECT_EQ(image.u32(kChannel + 100), 8u);
}

TEST(Format, RecordsAsDescribed) {
  const Image image;
  const std::size_t first = kBlock + 64;
  EXPECT_EQ(image.u64(first), 0x1122334455667788u);
  EXPECT_EQ(image.u64(first + 8), 0u);
  EXPECT_EQ(image.u32(first + 16), 48u);
  EXPECT_EQ(image.u32(first + 20), 5u);
  EXPECT_EQ(image.u32(first + 24), 0u);
  EXPECT_EQ(image.u32(first + 28), 0x0100u) << "incoming, completion requested";
  for (std::uint32_t i = 0; i < 5; ++i)
    EXPECT_EQ(image.at<std::uint8_t>(first + 32 + i), state_byte(0x1122334455667788, i));
  for (std::uint32_t i = 5; i < 16; ++i) EXPECT_EQ(image.at<std::uint8_t>(first + 32 + i), 0);
  EXPECT_EQ(image.u64(first + 48), 9u);
  EXPECT_EQ(image.u64(first + 56), 1u);
  EXPECT_EQ(image.u32(first + 64), 32u);
  EXPECT_EQ(image.u32(first + 68), 0u);
  EXPECT_EQ(image.u32(kDirectory + 64), 1u);
  EXPECT_EQ(image.u32(kDirectory + 68), 64u);
  EXPECT_EQ(image.u32(kDirectory + 72), 1u);
  EXPECT_EQ(image.u32(kDirectory + 76), 112u);
}

}  // namespace
}  // namespace vmbsave::test
