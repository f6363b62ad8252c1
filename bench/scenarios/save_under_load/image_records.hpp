// image_records.hpp: the records of an image, wherever they lie, in the order of its blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "image/chunk_reader.hpp"

namespace vmbsave::bench {

// f(chunk, record) for each packet of the image. False: the image cannot be read on.
template <class Function>
bool for_each_record(std::span<const std::byte> image, Function&& f) {
  for (std::span<const std::byte> rest = image; !rest.empty();) {
    image::Chunk chunk;
    if (image::read_unchecked_chunk(rest, chunk) != RestoreFault::kNone) return false;
    rest = rest.subspan(chunk.bytes.size());
    if (chunk.kind() != image::ChunkKind::kBlock) continue;
    std::uint64_t offset = sizeof(image::ChunkHeader);
    for (std::uint32_t i = 0; i < chunk.header.count; ++i) {
      image::Record record;
      if (!image::read_record(chunk, offset, record)) return false;
      f(chunk, record);
      offset += record.lib.record_bytes;
    }
  }
  return true;
}

}  // namespace vmbsave::bench
