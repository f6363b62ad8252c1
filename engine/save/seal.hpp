// seal.hpp: the chunks of a channel that are written when all its blocks are saved: its own, and its directory. Nothing
// here allocates.
#pragma once

#include <algorithm>
#include <cstring>

#include "image/chunk_writer.hpp"
#include "packet/channel.hpp"
#include "save/arrival_order.hpp"
#include "save/plan.hpp"

namespace vmbsave::save {

// What a seal works on: a channel's part of the plan, and the arena.
struct Sealing {
  const Stream& stream;
  const Block* blocks;
  const std::uint64_t* sequences;  // of the channel's packets
  const std::uint32_t* offsets;    // likewise
  std::uint64_t* order_scratch;    // two for each packet
  std::byte* image;
  bool checksum;
};

inline std::uint64_t stream_bytes(const Stream& stream, const Block* blocks) noexcept {
  std::uint64_t bytes = image::kChannelChunkBytes + image::directory_bytes(stream.packets);
  for (std::uint32_t b = stream.first_block; b < stream.first_block + stream.blocks; ++b) {
    bytes += image::chunk_bytes(blocks[b].body_bytes);
  }
  return bytes;
}

// Of the entry with that number, from the first directory chunk on: those before it, and a header for each chunk.
constexpr std::uint64_t entry_offset(std::size_t number) noexcept {
  static_assert(image::kFullDirectoryBytes ==
                sizeof(image::ChunkHeader) + image::kDirectoryEntries * sizeof(image::DirectoryEntry));
  return number * sizeof(image::DirectoryEntry) + (number / image::kDirectoryEntries + 1) * sizeof(image::ChunkHeader);
}

// The channel's directory: its entries in order of arrival. The guest's packets come first in the table, and in this
// order.
inline void write_directory(std::uint32_t number, const Sealing& seal) noexcept {
  const std::uint32_t packets = seal.stream.packets;
  std::byte* const directory = seal.image + seal.stream.directory_offset;
  const auto of_guest = static_cast<std::size_t>(
      std::lower_bound(seal.sequences, seal.sequences + packets, packet::kFirstSend,
                       [](std::uint64_t sequence, std::uint64_t send) { return sequence < send; }) -
      seal.sequences);
  const ArrivalOrder incoming(seal.sequences, of_guest, 0, seal.order_scratch);
  const ArrivalOrder sends(seal.sequences + of_guest, packets - of_guest, of_guest, seal.order_scratch + 2 * of_guest);
  const std::uint64_t* sequence = seal.sequences;
  const std::uint32_t* offset = seal.offsets;
  for (std::uint32_t b = seal.stream.first_block; b < seal.stream.first_block + seal.stream.blocks; ++b) {
    const Block& block = seal.blocks[b];
    const ArrivalOrder& order = *sequence < packet::kFirstSend ? incoming : sends;
    for (const std::uint64_t* const end = sequence + block.count; sequence != end; ++sequence, ++offset) {
      const image::DirectoryEntry entry{block.ordinal, *offset};
      std::memcpy(directory + entry_offset(order.rank(*sequence)), &entry, sizeof entry);
    }
  }

  const std::uint32_t chunks = image::directory_chunks(packets);
  for (std::uint32_t i = 0; i < chunks; ++i) {
    const std::uint32_t count = std::min(packets - i * image::kDirectoryEntries, image::kDirectoryEntries);
    std::byte* const chunk = directory + i * image::kFullDirectoryBytes;
    image::open_chunk(chunk, image::ChunkKind::kDirectory,
                      {.channel = number, .ordinal = seal.stream.blocks + 1 + i, .count = count},
                      count * sizeof(image::DirectoryEntry));
    if (seal.checksum) image::seal_chunk(chunk);
  }
}

// Writes a channel's own chunk and its directory.
template <class Channel>
void seal_stream(const Channel& channel, std::uint32_t number, const Sealing& seal) noexcept {
  const image::ChannelBody body{.packets = seal.stream.packets,
                                .blocks = seal.stream.blocks,
                                .directory_chunks = image::directory_chunks(seal.stream.packets),
                                .capacity = channel.config().capacity,
                                .stream_bytes = stream_bytes(seal.stream, seal.blocks),
                                .next_sequence = channel.next_sequence(),
                                .context_bytes = channel.config().context_bytes,
                                .result_bytes = channel.config().result_bytes,
                                .next_send = channel.next_send(),
                                .reserved = {}};
  image::write_channel_chunk(seal.image + seal.stream.offset, number, body, seal.checksum);
  write_directory(number, seal);
}

}  // namespace vmbsave::save
