// floor_layout.hpp: where each byte of a rig's image comes from and goes to, known before any save: what copy_floor
// copies. The image is the engine's, byte for byte, without checksums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/chunk_writer.hpp"
#include "packet/packet.hpp"

namespace vmbsave::bench {

class Rig;

struct FloorLayout {
  // A packet and the size of its state, in the order of the image.
  struct Source {
    packet::Packet* packet;
    std::uint32_t state_bytes;
  };
  // A block chunk: the sources of neighbouring words.
  struct Block {
    std::uint64_t offset;  // in the image
    std::uint64_t body_bytes;
    std::uint32_t first;  // source
    image::ChunkLabel label;
  };
  // A channel's chunk, and its directory chunks behind it in `known`.
  struct Stream {
    std::uint64_t offset;            // of the channel chunk in the image
    std::uint64_t directory_offset;  // likewise
    std::uint64_t directory_bytes;
    std::uint64_t known;  // offset in `known`
  };

  explicit FloorLayout(Rig& rig);

  std::vector<Source> sources;
  std::vector<Block> blocks;
  std::vector<Stream> streams;
  std::vector<std::byte> known;
  std::uint64_t image_bytes = 0;

 private:
  void add_channel(Rig& rig, std::uint32_t channel);
  std::vector<image::DirectoryEntry> add_blocks(Rig& rig, std::uint32_t channel);
  void add_known(Rig& rig, std::uint32_t channel, std::uint32_t block_count,
                 const std::vector<image::DirectoryEntry>& directory);
};

}  // namespace vmbsave::bench
