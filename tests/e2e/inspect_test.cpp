// vmbsave inspect and verify, run as programs on files: good ones, damaged ones, and what is no image.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "e2e/program.hpp"

namespace vmbsave::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGolden = VMBSAVE_GOLDEN "/v1-blocks-of-63.img";
constexpr const char* kStreamed = VMBSAVE_GOLDEN "/v1-streamed.img";

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Inspect : public testing::Test {
 protected:
  Inspect() : folder_(fs::temp_directory_path() / ("inspect_" + std::to_string(getpid()))) {
    fs::create_directory(folder_);
  }
  ~Inspect() override { fs::remove_all(folder_); }

  std::string file(const std::string& bytes) const {
    const fs::path path = folder_ / "image";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static Outcome inspect(const std::string& arguments) { return run(VMBSAVE_TOOL, "inspect " + arguments); }
  static Outcome verify(const std::string& arguments) { return run(VMBSAVE_TOOL, "verify " + arguments); }
  static bool has(const Outcome& outcome, const std::string& text) {
    return outcome.out.find(text) != std::string::npos;
  }

  const fs::path folder_;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// As of a save that leaves them out.
std::string without_checksums(std::string image) {
  for (std::size_t at = 0; at < image.size();) {
    std::uint32_t length;
    std::memcpy(&length, image.data() + at + 8, sizeof length);
    std::memset(image.data() + at + 56, 0, 8);
    at += length;
  }
  return image;
}

TEST_F(Inspect, AGoodImageIsShownWhole) {
  const Outcome outcome = inspect(kGolden);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(has(outcome, "version 1, 3 channels, 75 packets, 11968 bytes")) << outcome.out;
  EXPECT_TRUE(has(outcome, "engine 0.1.0, page size 4096, producer \"vmbsave\"")) << outcome.out;
  EXPECT_TRUE(has(outcome, "       2         9344        5        2         1920         2560        100\n"))
      << outcome.out;
  EXPECT_TRUE(has(outcome, "checksums: all match; the image is good")) << outcome.out;
  EXPECT_EQ(count(outcome.out, "packet at byte"), 0u);

  const Outcome packets = inspect(std::string("--each-packet ") + kGolden);
  EXPECT_EQ(packets.exit_code, 0);
  EXPECT_EQ(count(packets.out, "packet at byte"), 75u);
  EXPECT_TRUE(has(packets, "outgoing, awaits a completion, queued, 24 bytes of state, 13 of payload")) << packets.out;

  const Outcome verified = verify(kGolden);
  EXPECT_EQ(verified.exit_code, 0);
  EXPECT_TRUE(has(verified, "good, 75 packets, 11968 bytes")) << verified.out;
}

// Its head gives no length; its end does.
TEST_F(Inspect, AStreamedImageIsNamedAsOne) {
  const Outcome outcome = inspect(kStreamed);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(has(outcome, "version 1, 3 channels, 75 packets, streamed; engine 0.1.0")) << outcome.out;
  EXPECT_TRUE(has(outcome, "       2         9344        5        2         1920         2560        100\n"))
      << outcome.out;
  EXPECT_TRUE(has(outcome, "checksums: all match; the image is good")) << outcome.out;

  const Outcome verified = verify(kStreamed);
  EXPECT_EQ(verified.exit_code, 0);
  EXPECT_TRUE(has(verified, "good, 75 packets, 12032 bytes")) << verified.out;

  // Without its end nobody knows how long it was to be.
  const std::string bytes = bytes_of(kStreamed);
  const std::string path = file(bytes.substr(0, bytes.size() - 128));
  const Outcome cut = inspect(path);
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_TRUE(has(cut, "75 packets, streamed;")) << cut.out;
  EXPECT_TRUE(has(cut, path + ": damaged: it ends before its last chunk")) << cut.out;
  EXPECT_EQ(verify(path).exit_code, 1);
}

TEST_F(Inspect, OfADamagedImageWhatLiesBefore) {
  std::string bytes = bytes_of(kGolden);
  bytes[9'344 + 256] = static_cast<char>(bytes[9'344 + 256] ^ 1);  // in the last channel
  const std::string path = file(bytes);
  const Outcome outcome = inspect("--each-packet " + path);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(count(outcome.out, "packet at byte"), 70u) << outcome.out;
  EXPECT_TRUE(has(outcome, "not whole: 5 packets and 2432 bytes are missing")) << outcome.out;
  EXPECT_TRUE(has(outcome, "damaged: the checksum of a chunk does not match: channel 2, the chunk at byte 9472"))
      << outcome.out;
  EXPECT_TRUE(has(outcome, "read up to byte 9472 of 11968")) << outcome.out;
  const Outcome verified = verify(path);
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_TRUE(has(verified, "the checksum of a chunk does not match: channel 2")) << verified.out;
}

TEST_F(Inspect, OfEveryTruncationWithoutACrash) {
  const std::string bytes = bytes_of(kGolden);
  for (std::size_t size = 0; size < bytes.size(); size += 1'003) {
    const std::string path = file(bytes.substr(0, size));
    const Outcome outcome = inspect(path);
    EXPECT_EQ(outcome.exit_code, 1) << size;
    EXPECT_TRUE(has(outcome, "damaged: it ends before its last chunk")) << outcome.out;
    EXPECT_EQ(verify(path).exit_code, 1);
  }
}

TEST_F(Inspect, AnImageWithoutChecksumsIsNamed) {
  const Outcome outcome = inspect(file(without_checksums(bytes_of(kGolden))));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(has(outcome, "checksums: left out by the save")) << outcome.out;
}

// Without checksums everything else is still looked at.
TEST_F(Inspect, DamageOfAnImageWithoutChecksumsIsNamed) {
  const std::string bytes = without_checksums(bytes_of(kGolden));
  const Outcome cut = inspect(file(bytes.substr(0, bytes.size() - 64)));
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_TRUE(has(cut, "damaged, and without checksums: it ends before its last chunk")) << cut.out;
  EXPECT_TRUE(has(cut, "read up to byte 11904 of 11904")) << cut.out;
  const Outcome cut_in_a_channel = inspect(file(bytes.substr(0, 9'500)));
  EXPECT_TRUE(has(cut_in_a_channel, "damaged, and without checksums: it ends before")) << cut_in_a_channel.out;
  const Outcome longer = inspect(file(bytes + "more"));
  EXPECT_TRUE(has(longer, "damaged, and without checksums: bytes behind the last chunk")) << longer.out;
  std::string lies = bytes;
  lies[9'344 + 64] = 99;  // packets of the last channel
  const Outcome counts = inspect(file(lies));
  EXPECT_TRUE(has(counts, "not whole: 94 packets and 0 bytes are missing")) << counts.out;
  EXPECT_TRUE(has(counts, "damaged, and without checksums: numbers of packets or chunks")) << counts.out;
}

TEST_F(Inspect, AHeaderThatSaysFewerThanThereAreIsNamed) {
  std::string bytes = without_checksums(bytes_of(kGolden));
  bytes[9'344 + 64] = 1;  // packets of the last channel
  const Outcome outcome = inspect(file(bytes));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(has(outcome, "its header says fewer than there are: 1 packets and 2560 bytes")) << outcome.out;
  EXPECT_FALSE(has(outcome, "-")) << outcome.out;
}

TEST_F(Inspect, WhatIsNoImageOrNoFileIsToldApart) {
  const Outcome text = inspect(file(std::string(1'000, 'x')));
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_TRUE(has(text, "not an image")) << text.out;
  for (const std::string& path : {folder_.string(), (folder_ / "none").string()}) {
    for (const Outcome& outcome : {inspect(path), verify(path)}) {
      EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
      EXPECT_EQ(count(outcome.out, "\n"), 1u) << outcome.out;
      EXPECT_TRUE(has(outcome, path)) << outcome.out;
    }
  }
}

// A restore would refuse it, which is what verify is asked; inspect has nothing to show.
TEST_F(Inspect, AnImageThatIsTooLargeIsThereAndRefused) {
  for (const std::string limit : {"100", "11967"}) {
    const std::string arguments = "--max-bytes " + limit + " " + kGolden;
    const std::string words = "11968 bytes, more than the " + limit + " allowed";
    const Outcome verified = verify(arguments);
    EXPECT_EQ(verified.exit_code, 1);
    EXPECT_EQ(count(verified.out, "\n"), 1u) << verified.out;
    EXPECT_TRUE(has(verified, words)) << verified.out;
    const Outcome inspected = inspect(arguments);
    EXPECT_EQ(inspected.exit_code, 2);
    EXPECT_TRUE(has(inspected, words)) << inspected.out;
  }
  EXPECT_EQ(verify(std::string("--max-bytes 11968 ") + kGolden).exit_code, 0);
}

// A producer's name comes from the file, and does not get at the terminal.
TEST_F(Inspect, WhatAFileSaysDoesNotSteerTheTerminal) {
  std::string bytes = bytes_of(kGolden);
  bytes.replace(64 + 32, 6, "a\x1b[31m");
  for (std::size_t i = 0; i < 8; ++i) bytes[56 + i] = 0;
  const Outcome outcome = inspect(file(bytes));
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace vmbsave::tests
