// passes.hpp: the two calls of SavePacket for the packets of a block, and the seal of a channel. Each function touches
// its own block (or channel) only, so that any number of threads may work on different ones. Nothing here allocates.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "image/chunk_writer.hpp"
#include "packet/channel.hpp"
#include "save/directory_order.hpp"
#include "save/plan.hpp"
#include "save/prefetch.hpp"

namespace vmbsave::save {

// The sizing pass's SaveBuf: there, aligned, and not to be touched.
alignas(image::kRecordAlignment) inline std::byte sizing_pass_buffer[image::kRecordAlignment];

// First call: bytes of state that the VSP has for this packet, or kStateless.
inline Status size_packet(const packet::ChannelConfig& config, packet::Packet* packet, std::uint32_t& size) {
  std::uint32_t needed = 0;
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), sizing_pass_buffer, 0, &needed));
  if (status == Status::kPending) return Status::kInvalidDeviceRequest;  // the callback is synchronous
  size = kStateless;
  if (succeeded(status)) return Status::kSuccess;
  if (needed == 0) return status;
  if (needed > image::kMaxStateBytes) return Status::kInvalidBufferSize;
  size = needed;
  return Status::kSuccess;
}

// Bytes of a packet's own that travel in its LibBuf: what is not in the ring yet. Packets of the guest are not looked
// at: the sizing pass would touch a cache line more for each.
inline std::uint32_t payload_bytes(bool is_send, const packet::Packet& packet) noexcept {
  return is_send && packet.queued ? packet.data_bytes : 0;
}

inline std::uint32_t room_for(std::uint32_t size) noexcept { return size == kStateless ? 0 : size; }

// Sizes every packet of a block; sets block.body_bytes.
template <class Channel>
PassResult size_block(const Channel& channel, Block& block, std::uint32_t* sizes, Ahead& ahead) {
  PassResult result;
  const bool is_send = channel.table().is_send_word(block.word);
  std::uint64_t bytes = 0;
  std::uint32_t* size = sizes + block.first;
  packet::Packet* const* const packets = channel.slots() + block.word * sync::kSlotsPerWord;
  for (SlotSet left = block.members; left != 0; left &= left - 1, ++size) {
    packet::Packet* const packet = packets[sync::first_slot(left)];
    ahead.step();
    result.status = size_packet(channel.config(), packet, *size);
    if (result.status != Status::kSuccess) {
      result.transaction_id = packet->transaction_id;
      return result;
    }
    bytes += image::record_bytes(payload_bytes(is_send, *packet), room_for(*size));
  }
  block.body_bytes = bytes;
  if (image::chunk_bytes(bytes) > image::kMaxChunkBytes) result.status = Status::kInvalidBufferSize;
  return result;
}

// BytesNeeded before a second call: a VSP that leaves it used what it asked for.
inline constexpr std::uint32_t kUnwritten = 0xFFFFFFFFu;

// Level 2 checks that a VSP writes nothing behind its buffer: the second call gets one with a guard behind it.
inline Status save_guarded(const packet::ChannelConfig& config, packet::Packet* packet, std::byte* buffer,
                           std::uint32_t size, std::uint32_t& needed) {
  constexpr std::size_t kGuardBytes = 64;
  constexpr std::byte kGuard{0xA5};
  struct alignas(image::kRecordAlignment) Piece {
    std::byte bytes[image::kRecordAlignment];
  };
  std::vector<Piece> scratch((size + kGuardBytes) / sizeof(Piece) + 1);
  std::byte* const first = scratch.front().bytes;
  std::memset(first + size, static_cast<int>(kGuard), kGuardBytes);
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), first, size, &needed));
  std::memcpy(buffer, first, size);
  const bool kept = std::all_of(first + size, first + size + kGuardBytes, [&](std::byte b) { return b == kGuard; });
  return kept ? status : Status::kInvalidDeviceRequest;
}

// Zeroes what follows the first `used` bytes, at least one, up to the next multiple of 16. Without a branch: sizes vary
// from packet to packet, and a mispredicted one costs more than all this.
inline void zero_padding(std::byte* state, std::uint32_t used) noexcept {
  constexpr auto low_bytes = [](unsigned n) { return n >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * n)) - 1; };
  const unsigned kept = (used - 1) % image::kRecordAlignment + 1;
  std::byte* const last = state + used - kept;
  std::uint64_t words[2];
  std::memcpy(words, last, sizeof words);
  words[0] &= low_bytes(kept);
  words[1] &= low_bytes(kept < 8 ? 0 : kept - 8);
  std::memcpy(last, words, sizeof words);
}

// Second call into `buffer`, which is zeroed and has room for `size` bytes. `needed`: what the VSP has written of them,
// or, if it fails, what it says that it needs.
inline Status fill_state(const packet::ChannelConfig& config, packet::Packet* packet, std::byte* buffer,
                         std::uint32_t size, std::uint32_t& needed) {
  needed = kUnwritten;
#if VMBSAVE_CHECK >= 2
  const Status status = save_guarded(config, packet, buffer, size, needed);
#else
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), buffer, size, &needed));
#endif
  if (status != Status::kSuccess) {
    if (status == Status::kPending) return Status::kInvalidDeviceRequest;
    if (!succeeded(status)) return status;
  }
  if (needed < size) {
    std::memset(buffer + needed, 0, size - needed);  // of what the VSP did not use, nothing stays
  } else {
    needed = size;  // not written, or a claim that the buffer cannot bear out
  }
  zero_padding(buffer, size);  // if the VSP has written behind its buffer
  return Status::kSuccess;
}

// Whether a failed second call says that the packet's state is larger now than when it was sized.
inline bool has_grown(std::uint32_t size, std::uint32_t needed) noexcept {
  return needed != kUnwritten && needed > size && needed <= image::kMaxStateBytes;
}

// Put together in registers: read back from memory as a whole, fields just written would be waited for.
inline void write_lib_buf(const packet::Packet& packet, std::uint32_t record_bytes, std::uint32_t save_bytes,
                          std::uint32_t payload_bytes, std::byte* record) noexcept {
  const std::uint8_t flags = (packet.completion_requested ? image::kLibBufCompletionRequested : 0) |
                             (packet.queued ? image::kLibBufQueued : 0);
  ::new (static_cast<void*>(record)) image::LibBuf{.transaction_id = packet.transaction_id,
                                                   .sequence = packet.sequence,
                                                   .record_bytes = record_bytes,
                                                   .save_bytes = save_bytes,
                                                   .payload_bytes = payload_bytes,
                                                   .direction = static_cast<std::uint8_t>(packet.direction),
                                                   .flags = flags,
                                                   .reserved = 0};
}

// Saves every packet of a block into its chunk at `chunk`, and seals the chunk while it is hot. A packet whose state
// has grown gets its new size, if `may_grow`; the chunk is then of no use, and the block stays due.
template <class Channel>
PassResult save_block(const Channel& channel, Block& block, std::uint32_t* sizes, Place* places, std::byte* chunk,
                      bool checksum, bool may_grow, Ahead& ahead) {
  PassResult result;
  const packet::ChannelConfig& config = channel.config();
  const bool is_send = channel.table().is_send_word(block.word);
  std::uint64_t grown_bytes = 0;
  std::memset(chunk, 0, image::chunk_bytes(block.body_bytes));
  std::byte* record =
      image::write_header(chunk, image::ChunkKind::kBlock,
                          {.channel = block.channel, .ordinal = block.ordinal, .count = block.count}, block.body_bytes);
  std::uint32_t* size = sizes + block.first;
  Place* place = places + block.first;
  packet::Packet* const* const packets = channel.slots() + block.word * sync::kSlotsPerWord;
  for (SlotSet left = block.members; left != 0; left &= left - 1, ++size, ++place) {
    packet::Packet* const packet = packets[sync::first_slot(left)];
    ahead.step();
    const std::uint32_t payload = payload_bytes(is_send, *packet);
    const std::uint32_t room = room_for(*size);
    const auto record_bytes = static_cast<std::uint32_t>(image::record_bytes(payload, room));
    std::uint32_t used = 0;
    if (room != 0) {
      result.status = fill_state(config, packet, record + image::save_buf_offset(payload), room, used);
      if (result.status != Status::kSuccess) {
        if (!may_grow || !has_grown(room, used)) {
          result.transaction_id = packet->transaction_id;
          return result;
        }
        result.status = Status::kSuccess;
        result.grew = true;
        grown_bytes += image::record_bytes(payload, used) - record_bytes;
        *size = used;
      }
    }
    write_lib_buf(*packet, record_bytes, used, payload, record);
    if (is_send && packet->queued)
      std::memcpy(record + sizeof(image::LibBuf), packet->payload(config.context_bytes), payload);
    *place = {packet->sequence, {block.ordinal, static_cast<std::uint32_t>(record - chunk)}};
    record += record_bytes;
  }
  // The last packet's callback may have written behind its buffer.
  std::memset(record, 0, static_cast<std::size_t>(chunk + image::chunk_bytes(block.body_bytes) - record));
  block.body_bytes += grown_bytes;
  block.due = result.grew;
  if (image::chunk_bytes(block.body_bytes) > image::kMaxChunkBytes) result.status = Status::kInvalidBufferSize;
  if (checksum && !result.grew) image::seal_chunk(chunk);
  return result;
}

// What a seal works on: a channel's part of the plan, and the arena.
struct Sealing {
  const Stream& stream;
  const Block* blocks;
  Place* places;   // of the channel's packets; not kept
  Place* scratch;  // as many
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

// The channel's directory: its entries in order of sequence numbers.
inline void write_directory(std::uint32_t number, const Sealing& seal) noexcept {
  const std::uint32_t packets = seal.stream.packets;
  const Place* place = sort_by_sequence(seal.places, seal.scratch, packets);
  std::byte* at = seal.image + seal.stream.directory_offset;
  std::uint32_t ordinal = seal.stream.blocks + 1;
  std::uint32_t left = packets;
  do {
    const std::uint32_t count = std::min(left, image::kDirectoryEntries);
    std::byte* entry =
        image::open_chunk(at, image::ChunkKind::kDirectory, {.channel = number, .ordinal = ordinal++, .count = count},
                          count * sizeof(image::DirectoryEntry));
    for (const Place* const end = place + count; place != end; ++place, entry += sizeof place->entry) {
      std::memcpy(entry, &place->entry, sizeof place->entry);
    }
    if (seal.checksum) image::seal_chunk(at);
    at += image::chunk_bytes(count * sizeof(image::DirectoryEntry));
    left -= count;
  } while (left != 0);
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
