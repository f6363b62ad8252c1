// plan.hpp: what a save works on: blocks of packets, in image order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/prefetch.hpp"
#include "image/format.hpp"
#include "save/cut.hpp"

namespace vmbsave::save {

// The packets of neighbouring words of a channel's table, kBlockPackets at most: three full ones, or more that hold
// few.
struct Block {
  std::uint32_t first_word;  // in Plan::words
  std::uint32_t words;
  std::uint32_t channel;
  std::uint32_t ordinal;  // of its chunk in the channel's stream, from 1
  std::uint32_t first;    // of its packets, in Plan::sizes, sequences and offsets
  std::uint32_t count;
  std::uint64_t body_bytes = 0;  // of its records, known after sizing
  std::uint64_t offset = 0;      // of its chunk in the arena, known after placing
  bool is_send = false;          // packets that the VSP sends; they share no block with the guest's
  bool due = true;               // not saved yet, or its packets have grown since
  // Of a block that was saved until there was no room for more: packets, and bytes of its chunk, at `offset`.
  std::uint32_t saved = 0;
  std::uint32_t saved_bytes = 0;
};

// One channel's part of the image.
struct Stream {
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  std::uint32_t first_packet = 0;
  std::uint32_t packets = 0;
  std::uint64_t offset = 0;            // of the channel chunk in the arena
  std::uint64_t directory_offset = 0;  // of the first directory chunk
};

// What a worker takes at a time: blocks that may be in work while all others are. Of channels whose callbacks run one
// after another, a whole channel.
struct Unit {
  std::uint32_t first_block;
  std::uint32_t last_block;
  bool concurrent;
};

// Most blocks of a unit of channels with concurrent callbacks: up to 315 packets.
inline constexpr std::uint32_t kBlocksAtOnce = 5;

// Blocks are written by the saver, and were last by the workers.
inline constexpr std::size_t kBlocksAhead = 8;

// How a pass went on one block: why it stopped, and at which packet; or that states have grown since they were sized.
struct PassResult {
  Status status = Status::kSuccess;
  std::uint64_t transaction_id = 0;
  bool grew = false;
  bool ran_out = false;     // of room for the packets behind block.saved
  std::uint32_t sized = 0;  // then: packets that have their size
};

// sizes[i]: bytes that the VSP asked for; kStateless if its first call succeeded.
inline constexpr std::uint32_t kStateless = 0xFFFFFFFFu;

struct Plan {
  std::span<const CutWord> words;  // of the cut
  std::vector<Block> blocks;
  std::vector<Stream> streams;  // by channel number
  std::vector<Unit> units;
  std::vector<std::uint32_t> sizes;  // of the fused plan: only of blocks that are still due after the pass
  std::vector<std::uint64_t> sequences;
  std::vector<std::uint32_t> offsets;        // of the record in its chunk
  std::vector<std::uint64_t> order_scratch;  // two for each packet
  std::uint64_t end_offset = 0;              // of the end chunk
  std::uint64_t image_bytes = 0;

  std::uint32_t packets() const noexcept { return static_cast<std::uint32_t>(sizes.size()); }

  // Room for the blocks of `table_words` words and for `packets` packets. May throw std::bad_alloc; build() then does
  // not allocate.
  void prepare(std::size_t channels, std::size_t table_words, std::size_t packets) {
    blocks.reserve(table_words);
    units.reserve(table_words);
    streams.reserve(channels);
    sizes.reserve(packets);
    sequences.reserve(packets);
    offsets.reserve(packets);
    order_scratch.reserve(2 * packets);
  }

  // Compacts the words of a cut, which stays as it is, to blocks. kQuotaExceeded: more packets than one save may hold.
  template <template <class> class Atom>
  Status build(const packet::BasicVm<Atom>& vm, const Cut<Atom>& cut) noexcept {
    words = cut.words();
    blocks.clear();
    units.clear();
    streams.assign(vm.channels().size(), Stream{});
    std::uint32_t packets = 0;
    for (std::uint32_t w = 0; w < words.size(); ++w) {
      const CutWord& word = words[w];
      if (word.members == 0) continue;
      const unsigned count = sync::count_slots(word.members);
      if (image::kMaxPackets - packets < count) return Status::kQuotaExceeded;
      Stream& stream = streams[word.channel];
      const auto& channel = *vm.channels()[word.channel];
      const bool is_send = channel.table().is_send_word(word.index);
      if (stream.blocks != 0 && blocks.back().is_send == is_send &&
          blocks.back().count + count <= image::kBlockPackets) {
        blocks.back().words = w + 1 - blocks.back().first_word;
        blocks.back().count += count;
      } else {
        if (stream.blocks == 0) {
          stream.first_block = static_cast<std::uint32_t>(blocks.size());
          stream.first_packet = packets;
        }
        add_unit(stream, channel.config().concurrent_callbacks);
        ++stream.blocks;
        base::prefetch_for_write(blocks.data() + std::min(blocks.size() + kBlocksAhead, blocks.capacity()));
        blocks.push_back({w, 1, word.channel, stream.blocks, packets, count});
        blocks.back().is_send = is_send;
      }
      stream.packets += count;
      packets += count;
    }
    sizes.resize(packets);
    sequences.resize(packets);
    offsets.resize(packets);
    order_scratch.resize(2 * std::size_t{packets});
    return Status::kSuccess;
  }

  // visit(word) for each word of a block.
  template <class Visit>
  void for_each_word(const Block& block, Visit&& visit) const {
    for (const CutWord& word : words.subspan(block.first_word, block.words)) visit(word);
  }

  // Empties a channel's part; gives the number of packets left out. Before place().
  std::uint32_t leave_out(std::uint32_t channel) noexcept {
    Stream& stream = streams[channel];
    for (std::uint32_t b = stream.first_block; b < stream.first_block + stream.blocks; ++b) {
      blocks[b].words = 0;
      blocks[b].count = 0;
      blocks[b].due = false;
    }
    const std::uint32_t packets_left_out = stream.packets;
    stream.blocks = 0;
    stream.packets = 0;
    return packets_left_out;
  }

  // The exact plan: gives every chunk its place in one contiguous image. Serial: a prefix sum over blocks.
  void place() noexcept {
    std::uint64_t offset = image::kImageChunkBytes;
    for (Stream& stream : streams) offset = place_stream(stream, offset);
    end_offset = offset;
    image_bytes = offset + image::kEndChunkBytes;
  }

  // The same for one channel's chunks, from `offset` on. Gives their end.
  std::uint64_t place_stream(Stream& stream, std::uint64_t offset) noexcept {
    stream.offset = offset;
    offset += image::kChannelChunkBytes;
    for (std::uint32_t b = stream.first_block; b < stream.first_block + stream.blocks; ++b) {
      blocks[b].offset = offset;
      blocks[b].due = true;
      offset += image::chunk_bytes(blocks[b].body_bytes);
    }
    stream.directory_offset = offset;
    return offset + image::directory_bytes(stream.packets);
  }

  // The units of one channel that is saved by itself, in place of those of all channels.
  void keep_units_of(const Stream& stream, bool concurrent) noexcept {
    units.clear();
    const std::uint32_t end = stream.first_block + stream.blocks;
    const std::uint32_t most = concurrent ? kBlocksAtOnce : stream.blocks;
    for (std::uint32_t b = stream.first_block; b < end; b += most) {
      units.push_back({b, std::min(b + most, end), concurrent});
    }
  }

  // The fused plan: the chunks whose sizes do not depend on the packets' states come first, the blocks behind them.
  // Gives the bytes of these chunks.
  std::uint64_t place_frame() noexcept {
    std::uint64_t offset = image::kImageChunkBytes;
    for (Stream& stream : streams) {
      stream.offset = offset;
      stream.directory_offset = offset + image::kChannelChunkBytes;
      offset = stream.directory_offset + image::directory_bytes(stream.packets);
    }
    end_offset = offset;
    return offset + image::kEndChunkBytes;
  }

  // After the exact plan's place(): chunks lie one behind the other, each in its stream, in order of channels and
  // blocks. O(blocks).
  bool is_contiguous() const noexcept {
    std::uint64_t end = image::kImageChunkBytes;
    for (const Stream& stream : streams) {
      if (stream.offset != end) return false;
      end += image::kChannelChunkBytes;
      for (std::uint32_t b = stream.first_block; b < stream.first_block + stream.blocks; ++b) {
        if (blocks[b].offset != end) return false;
        end += image::chunk_bytes(blocks[b].body_bytes);
      }
      if (stream.directory_offset != end) return false;
      end += image::directory_bytes(stream.packets);
    }
    return end_offset == end && image_bytes == end + image::kEndChunkBytes;
  }

  // What a complete image must be, whatever the plan: nothing is due, and image_bytes is the sum of all chunks.
  // O(blocks).
  bool valid() const noexcept {
    std::uint64_t bytes = image::kImageChunkBytes + image::kEndChunkBytes;
    for (const Stream& stream : streams) bytes += image::kChannelChunkBytes + image::directory_bytes(stream.packets);
    for (const Block& block : blocks) {
      unsigned members = 0;
      for_each_word(block, [&](const CutWord& word) { members += sync::count_slots(word.members); });
      if (block.due || block.count != members) return false;
      if (block.count != 0) bytes += image::chunk_bytes(block.body_bytes);
    }
    return image_bytes == bytes;
  }

 private:
  void add_unit(const Stream& stream, bool concurrent) noexcept {
    const auto next = static_cast<std::uint32_t>(blocks.size());
    const bool joins = concurrent ? !units.empty() && units.back().concurrent &&
                                        units.back().last_block - units.back().first_block < kBlocksAtOnce
                                  : stream.blocks != 0;
    if (joins) {
      units.back().last_block = next + 1;
    } else {
      units.push_back({next, next + 1, concurrent});
    }
  }
};

}  // namespace vmbsave::save
