// Images that earlier engines wrote restore for as long as the project lives. golden/README.md says how one is added.
#include <gtest/gtest.h>

#include <xxhash.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "format/golden_packets.hpp"
#include "image/chunk_writer.hpp"
#include "io/image_receiver.hpp"

namespace vmbsave::test {
namespace {

using Bytes = std::vector<std::byte>;

// With the XXH3-64 of their bytes: one that is written again is another one, though it may restore.
const std::map<std::string, std::uint64_t> kGolden{{"v1-blocks-of-21.img", 0x4b6d859ba49a4aed},
                                                   {"v1-blocks-of-63.img", 0x13416ab8e8dbe6ac},
                                                   {"v1-streamed.img", 0xffe0daa21972e72b}};
const std::string kNewest = "v1-blocks-of-63.img";
const std::string kNewestStreamed = "v1-streamed.img";

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// What each packet of an image is, in order of arrival: all that RestorePacket gets, but for the length of its record.
std::vector<Bytes> contents_of(std::span<const std::byte> image) {
  std::vector<Bytes> contents;
  std::map<std::uint32_t, image::Chunk> blocks;
  for (image::Chunk chunk; !image.empty(); image = image.subspan(chunk.bytes.size())) {
    if (image::read_chunk(image, chunk) != RestoreFault::kNone) return {};
    if (chunk.kind() == image::ChunkKind::kChannel) blocks.clear();
    if (chunk.kind() == image::ChunkKind::kBlock) blocks[chunk.header.ordinal] = chunk;
    if (chunk.kind() != image::ChunkKind::kDirectory) continue;
    for (std::size_t at = 0; at < chunk.body().size(); at += sizeof(image::DirectoryEntry)) {
      image::DirectoryEntry entry;
      std::memcpy(&entry, chunk.body().data() + at, sizeof entry);
      image::Record record;
      if (!image::read_record(blocks.at(entry.ordinal), entry.offset, record)) return {};
      record.lib.record_bytes = 0;
      const auto block = blocks.at(entry.ordinal).bytes;
      const auto lib = std::as_bytes(std::span(&record.lib, 1));
      const auto payload = block.subspan(entry.offset + sizeof record.lib, record.lib.payload_bytes);
      const auto state = block.subspan(record.save_offset, record.lib.save_bytes);
      Bytes& bytes = contents.emplace_back(lib.begin(), lib.end());
      bytes.insert(bytes.end(), payload.begin(), payload.end());
      bytes.insert(bytes.end(), state.begin(), state.end());
    }
  }
  return contents;
}

Bytes saved_by_this_engine() {
  TestVm vm(kGoldenChannelCount, kGoldenChannels);
  fill_golden(vm);
  save_packets(vm);
  Bytes image = image_of(vm);
  vm.session.end(EndMode::kResume);
  return image;
}

TEST(Golden, TheFolderHoldsTheImagesNamedHere) {
  std::map<std::string, std::uint64_t> found;
  for (const auto& file : std::filesystem::directory_iterator(VMBSAVE_GOLDEN)) {
    if (file.path().extension() != ".img") continue;
    const Bytes image = read_file(file.path());
    found[file.path().filename()] = XXH3_64bits(image.data(), image.size());
  }
  EXPECT_EQ(found, kGolden);
}

// The least memory in which an image restores as it comes.
std::uint64_t largest_stream(std::span<const std::byte> image) {
  std::uint64_t largest = 0;
  for (image::Chunk chunk; !image.empty(); image = image.subspan(chunk.bytes.size())) {
    if (image::read_chunk(image, chunk) != RestoreFault::kNone) return 0;
    image::ChannelBody body;
    if (chunk.kind() != image::ChunkKind::kChannel || !image::read_body(chunk, body)) continue;
    largest = std::max(largest, body.stream_bytes);
  }
  return largest;
}

// Saved again, the packets are those of the image.
void expect_restored(TestVm& vm, const RestoreReport& report, const std::vector<Bytes>& expected) {
  ASSERT_EQ(report.fault, RestoreFault::kNone) << restore_fault_text(report.fault);
  EXPECT_EQ(report.packets, expected.size());
  save_packets(vm);
  EXPECT_EQ(contents_of(image_of(vm)), expected);
  vm.session.end(EndMode::kDiscard);
}

TEST(Golden, ImagesOfThePastRestore) {
  const std::vector<Bytes> expected = contents_of(saved_by_this_engine());
  ASSERT_EQ(expected.size(), 75u);
  for (const auto& [name, hash] : kGolden) {
    SCOPED_TRACE(name);
    const Bytes image = read_file(std::filesystem::path(VMBSAVE_GOLDEN) / name);
    EXPECT_EQ(contents_of(image), expected);
    TestVm whole(kGoldenChannelCount, kGoldenChannels);
    expect_restored(whole, restore::restore_image(whole.vm, image, {}), expected);
    // As it comes, a channel behind the other.
    TestVm coming(kGoldenChannelCount, kGoldenChannels);
    const std::uint64_t budget = largest_stream(image);
    const io::ReceiveReport report =
        io::restore_from(coming.vm, *io::make_memory_source(image), {.memory_budget = budget});
    expect_restored(coming, report.restore, expected);
    EXPECT_LE(report.peak_bytes, budget);
  }
}

// As a sink gets it that cannot go back: the totals stand at the end.
Bytes streamed(const Bytes& whole, std::uint64_t packets) {
  Bytes image(whole.size() - image::kEndChunkBytes + image::kStreamedEndChunkBytes);
  const auto end = static_cast<std::ptrdiff_t>(whole.size() - image::kEndChunkBytes);
  std::copy(whole.begin(), whole.begin() + end, image.begin());
  image::write_streamed_image_chunk(image.data(), kGoldenChannelCount, packets, true);
  image::write_streamed_end_chunk(image.data() + end, packets, image.size(), true);
  return image;
}

// A change of what is written comes with a new golden image, which VMBSAVE_WRITE_GOLDEN=FILE asks for.
void expect_is_newest(const Bytes& image, const std::string& newest_name) {
  const char* const path = std::getenv("VMBSAVE_WRITE_GOLDEN");
  if (path != nullptr && std::filesystem::path(path).filename() == newest_name) {
    FILE* const file = std::fopen(path, "wbx");
    ASSERT_NE(file, nullptr) << path << " is there already: golden images are never replaced";
    EXPECT_EQ(std::fwrite(image.data(), 1, image.size(), file), image.size());
    EXPECT_EQ(std::fclose(file), 0);
  }
  const Bytes newest = read_file(std::filesystem::path(VMBSAVE_GOLDEN) / newest_name);
  ASSERT_EQ(image.size(), newest.size());
  // The image chunk names the engine's version.
  EXPECT_TRUE(
      std::equal(image.begin() + image::kImageChunkBytes, image.end(), newest.begin() + image::kImageChunkBytes));
}

TEST(Golden, TheNewestIsWhatThisEngineWrites) {
  const Bytes image = saved_by_this_engine();
  expect_is_newest(image, kNewest);
  expect_is_newest(streamed(image, contents_of(image).size()), kNewestStreamed);
}

}  // namespace
}  // namespace vmbsave::test
