// image_seal.hpp: makes what was changed agree again.
#pragma once

#include <cstring>
#include <vector>

#include "fuzz/image_pieces.hpp"
#include "image/checksum.hpp"

namespace vmbsave::fuzz {

template <class Part>
void put(std::vector<std::byte>& chunk, std::size_t offset, const Part& part) noexcept {
  if (offset + sizeof part <= chunk.size()) std::memcpy(chunk.data() + offset, &part, sizeof part);
}

// Length and checksum. The bytes may have any length: padding is added.
inline void seal(std::vector<std::byte>& chunk) {
  chunk.resize(base::align_up(std::max(chunk.size(), sizeof(image::ChunkHeader)), image::kChunkAlignment));
  auto header = part_at<image::ChunkHeader>(chunk, 0);
  header.bytes = static_cast<std::uint32_t>(chunk.size());
  put(chunk, 0, header);
  header.checksum = image::chunk_checksum(chunk.data(), chunk.size());
  put(chunk, 0, header);
}

// Where the records of a block start, as far as their lengths lead.
inline std::vector<std::uint32_t> records_of(Input block) {
  std::vector<std::uint32_t> offsets;
  const auto header = part_at<image::ChunkHeader>(block, 0);
  const std::size_t end = std::min(block.size(), sizeof header + std::size_t{header.body});
  std::size_t at = sizeof header;
  while (at + sizeof(image::LibBuf) <= end && offsets.size() < 2 * image::kBlockPackets) {
    offsets.push_back(static_cast<std::uint32_t>(at));
    const auto lib = part_at<image::LibBuf>(block, at);
    if (lib.record_bytes < sizeof lib) break;
    at += lib.record_bytes;
  }
  return offsets;
}

}  // namespace vmbsave::fuzz
