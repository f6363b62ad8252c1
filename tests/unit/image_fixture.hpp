// image_fixture.hpp: small images, and where their chunks lie, for tests that damage and restore them.
#pragma once

#include <gtest/gtest.h>

#include "image/checksum.hpp"
#include "image/chunk_reader.hpp"
#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {

using Bytes = std::vector<std::byte>;

inline Bytes save(TestVm& vm) {
  save_packets(vm);
  Bytes bytes = image_of(vm);
  vm.session.end(EndMode::kResume);
  return bytes;
}

inline Bytes small_image(unsigned channels = 1, unsigned packets = 5) {
  TestVm vm(channels);
  for (unsigned c = 0; c < channels; ++c) {
    for (unsigned i = 0; i < packets; ++i) vm[c].receive(c * 100 + i + 1, i * 9);
  }
  return save(vm);
}

// Offsets of the chunks of an image, its end included.
inline std::vector<std::size_t> chunk_offsets(const Bytes& image) {
  std::vector<std::size_t> offsets{0};
  while (offsets.back() < image.size()) {
    image::ChunkHeader header;
    std::memcpy(&header, image.data() + offsets.back(), sizeof header);
    offsets.push_back(offsets.back() + header.bytes);
  }
  return offsets;
}

// The stream of the only channel of an image.
inline std::span<const std::byte> stream_of(const Bytes& image) {
  return std::span(image).subspan(image::kImageChunkBytes,
                                  image.size() - image::kImageChunkBytes - image::kEndChunkBytes);
}

template <class Header>
Header& at(Bytes& image, std::size_t offset) {
  return *reinterpret_cast<Header*>(image.data() + offset);
}

inline void reseal(Bytes& image, std::size_t offset) {
  auto& header = at<image::ChunkHeader>(image, offset);
  header.checksum = image::chunk_checksum(image.data() + offset, header.bytes);
}

inline Status restore(const Bytes& image, TestVm& vm) { return restore::restore_image(vm.vm, image, {}).status; }

inline Status restore(const Bytes& image, unsigned channels = 1) {
  TestVm vm(channels);
  const Status status = restore(image, vm);
  if (status != Status::kSuccess) {
    EXPECT_EQ(vm.in_use(), 0u);
  }
  return status;
}

}  // namespace vmbsave::test
