#include "scenarios/save_latency/floor_layout.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kmcl/vm.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

// Numbers of a channel's packets, in the order of their slots.
std::vector<std::uint32_t> by_slot(std::span<const VMBPACKET> packets) {
  std::vector<std::uint32_t> order(packets.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return packet::from_handle(packets[a])->slot < packet::from_handle(packets[b])->slot;
  });
  return order;
}

// Behind the last packet in `order` that is in one word with the one at `first`.
std::size_t end_of_word(std::span<const VMBPACKET> packets, const std::vector<std::uint32_t>& order,
                        std::size_t first) {
  const auto word = [&](std::size_t at) { return packet::from_handle(packets[order[at]])->slot / sync::kSlotsPerWord; };
  std::size_t end = first + 1;
  while (end < order.size() && word(end) == word(first)) ++end;
  return end;
}

}  // namespace

FloorLayout::FloorLayout(Rig& rig) {
  sources.reserve(rig.point().packets);
  image_bytes = image::kImageChunkBytes;
  for (std::uint32_t c = 0; c < rig.point().channels; ++c) add_channel(rig, c);
  image_bytes += image::kEndChunkBytes;
}

void FloorLayout::add_channel(Rig& rig, std::uint32_t channel) {
  const std::size_t blocks_before = blocks.size();
  Stream& stream = streams.emplace_back();
  stream.offset = image_bytes;
  image_bytes += image::kChannelChunkBytes;
  const std::vector<image::DirectoryEntry> directory = add_blocks(rig, channel);
  stream.directory_offset = image_bytes;
  stream.directory_bytes = image::directory_bytes(static_cast<std::uint32_t>(directory.size()));
  image_bytes += stream.directory_bytes;
  add_known(rig, channel, static_cast<std::uint32_t>(blocks.size() - blocks_before), directory);
}

// Gives the directory, in order of arrival.
std::vector<image::DirectoryEntry> FloorLayout::add_blocks(Rig& rig, std::uint32_t channel) {
  const auto packets = rig.packets(channel);
  const auto states = rig.state_bytes(channel);
  std::vector<image::DirectoryEntry> directory(packets.size());
  const std::vector<std::uint32_t> order = by_slot(packets);
  std::uint32_t ordinal = 0;
  for (std::size_t at = 0; at < order.size();) {
    const std::size_t end = end_of_word(packets, order, at);
    if (ordinal == 0 || blocks.back().label.count + (end - at) > image::kBlockPackets) {
      if (ordinal != 0) image_bytes += image::chunk_bytes(blocks.back().body_bytes);
      const image::ChunkLabel label{.channel = channel, .ordinal = ++ordinal};
      blocks.push_back({image_bytes, 0, static_cast<std::uint32_t>(sources.size()), label});
    }
    for (; at < end; ++at) {
      const std::uint32_t i = order[at];
      Block& block = blocks.back();
      directory[i] = {ordinal, static_cast<std::uint32_t>(sizeof(image::ChunkHeader) + block.body_bytes)};
      block.body_bytes += image::record_bytes(0, states[i]);
      ++block.label.count;
      sources.push_back({packet::from_handle(packets[i]), states[i]});
    }
  }
  if (ordinal != 0) image_bytes += image::chunk_bytes(blocks.back().body_bytes);
  return directory;
}

void FloorLayout::add_known(Rig& rig, std::uint32_t channel, std::uint32_t block_count,
                            const std::vector<image::DirectoryEntry>& directory) {
  const packet::Channel& of = *rig.machine().vm(0).channels().channels()[channel];
  Stream& stream = streams.back();
  const auto packets = static_cast<std::uint32_t>(directory.size());
  const image::ChannelBody body{.packets = packets,
                                .blocks = block_count,
                                .directory_chunks = image::directory_chunks(packets),
                                .capacity = of.config().capacity,
                                .stream_bytes = image_bytes - stream.offset,
                                .next_sequence = of.next_sequence(),
                                .context_bytes = of.config().context_bytes,
                                .result_bytes = of.config().result_bytes,
                                .next_send = of.next_send(),
                                .reserved = {}};
  stream.known = known.size();
  known.resize(known.size() + image::kChannelChunkBytes + stream.directory_bytes);
  std::byte* at = known.data() + stream.known;
  image::write_channel_chunk(at, channel, body, false);
  at += image::kChannelChunkBytes;
  std::uint32_t done = 0;
  for (std::uint32_t chunk = 1; chunk <= body.directory_chunks; ++chunk) {
    const std::uint32_t count = std::min(packets - done, image::kDirectoryEntries);
    const std::uint64_t bytes = count * sizeof(image::DirectoryEntry);
    std::byte* const entries = image::open_chunk(
        at, image::ChunkKind::kDirectory, {.channel = channel, .ordinal = block_count + chunk, .count = count}, bytes);
    if (count != 0) std::memcpy(entries, directory.data() + done, bytes);
    at += image::chunk_bytes(bytes);
    done += count;
  }
}

}  // namespace vmbsave::bench
