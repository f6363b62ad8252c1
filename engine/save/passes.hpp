// passes.hpp: the two calls of SavePacket for the packets of a block, and the seal of a channel. Each function touches
// its own block (or channel) only, so that any number of threads may work on different ones. Nothing here allocates.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "image/chunk_writer.hpp"
#include "packet/channel.hpp"
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

// Second call into `buffer`, which has room for `size` bytes, and zeroed tails: of what the VSP did not use, nothing
// stays.
inline Status fill_state(const packet::ChannelConfig& config, packet::Packet* packet, std::byte* buffer,
                         std::uint32_t size, std::uint32_t& needed) {
  const std::uint64_t room = base::align_up(size, image::kRecordAlignment);
  std::memset(buffer, 0, room);
  needed = kUnwritten;
#if VMBSAVE_CHECK >= 2
  const Status status = save_guarded(config, packet, buffer, size, needed);
#else
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), buffer, size, &needed));
#endif
  if (status == Status::kPending) return Status::kInvalidDeviceRequest;
  if (!succeeded(status)) return status;
  if (needed > size) needed = size;  // not written, or a claim that the buffer cannot bear out
  std::memset(buffer + needed, 0, room - needed);
  return Status::kSuccess;
}

// Whether a failed second call says that the packet's state is larger now than when it was sized.
inline bool has_grown(Status status, std::uint32_t size, std::uint32_t needed) noexcept {
  return !succeeded(status) && needed != kUnwritten && needed > size && needed <= image::kMaxStateBytes;
}

// The library's own state of a packet: its LibBuf, with the payload of a packet that is not in the ring yet.
inline void write_lib_buf(packet::Packet& packet, std::uint32_t context_bytes, image::LibBuf& lib,
                          std::byte* record) noexcept {
  lib.transaction_id = packet.transaction_id;
  lib.sequence = packet.sequence;
  lib.direction = static_cast<std::uint8_t>(packet.direction);
  lib.flags = packet.completion_requested ? image::kLibBufCompletionRequested : 0;
  if (packet.queued) {
    lib.flags |= image::kLibBufQueued;
    std::byte* const end = record + sizeof lib + lib.payload_bytes;
    std::memcpy(record + sizeof lib, packet.payload(context_bytes), lib.payload_bytes);
    std::memset(end, 0, image::save_buf_offset(lib.payload_bytes) - sizeof lib - lib.payload_bytes);
  }
  std::memcpy(record, &lib, sizeof lib);
}

// Saves every packet of a block into its chunk at `chunk`, and seals the chunk while it is hot. A packet whose state
// has grown gets its new size, if `may_grow`; the image is then of no use, and the pass has to be run again.
template <class Channel>
PassResult save_block(const Channel& channel, Block& block, std::uint32_t* sizes, Place* places, std::byte* chunk,
                      bool checksum, bool may_grow, Ahead& ahead) {
  PassResult result;
  const bool is_send = channel.table().is_send_word(block.word);
  std::uint64_t grown_bytes = 0;
  std::byte* record =
      image::open_chunk(chunk, image::ChunkKind::kBlock,
                        {.channel = block.channel, .ordinal = block.ordinal, .count = block.count}, block.body_bytes);
  std::uint32_t* size = sizes + block.first;
  Place* place = places + block.first;
  packet::Packet* const* const packets = channel.slots() + block.word * sync::kSlotsPerWord;
  for (SlotSet left = block.members; left != 0; left &= left - 1, ++size, ++place) {
    packet::Packet* const packet = packets[sync::first_slot(left)];
    ahead.step();
    image::LibBuf lib{};
    lib.payload_bytes = payload_bytes(is_send, *packet);
    const std::uint32_t room = room_for(*size);
    lib.record_bytes = static_cast<std::uint32_t>(image::record_bytes(lib.payload_bytes, room));
    if (room != 0) {
      std::byte* const save_buf = record + image::save_buf_offset(lib.payload_bytes);
      std::uint32_t used = 0;
      result.status = fill_state(channel.config(), packet, save_buf, room, used);
      lib.save_bytes = used;
      if (may_grow && has_grown(result.status, room, used)) {
        result.status = Status::kSuccess;
        result.grew = true;
        grown_bytes += image::record_bytes(lib.payload_bytes, used) - lib.record_bytes;
        *size = used;
      }
      if (result.status != Status::kSuccess) {
        result.transaction_id = packet->transaction_id;
        return result;
      }
    }
    write_lib_buf(*packet, channel.config().context_bytes, lib, record);
    *place = {packet->sequence, {block.ordinal, static_cast<std::uint32_t>(record - chunk)}};
    record += lib.record_bytes;
  }
  // The last packet's callback may have written behind its buffer.
  std::memset(record, 0, static_cast<std::size_t>(chunk + image::chunk_bytes(block.body_bytes) - record));
  block.body_bytes += grown_bytes;
  block.due = result.grew;
  if (image::chunk_bytes(block.body_bytes) > image::kMaxChunkBytes) result.status = Status::kInvalidBufferSize;
  if (checksum && !result.grew) image::seal_chunk(chunk);
  return result;
}

// Writes a channel's own chunk and its directory, in order of sequence numbers. Sorts `places` in place.
template <class Channel>
void seal_stream(const Channel& channel, std::uint32_t number, const Stream& stream, const Block* blocks, Place* places,
                 std::byte* image, bool checksum) noexcept {
  std::uint64_t stream_bytes = image::kChannelChunkBytes + image::directory_bytes(stream.packets);
  for (std::uint32_t b = stream.first_block; b < stream.first_block + stream.blocks; ++b) {
    stream_bytes += image::chunk_bytes(blocks[b].body_bytes);
  }
  const image::ChannelBody body{.packets = stream.packets,
                                .blocks = stream.blocks,
                                .directory_chunks = image::directory_chunks(stream.packets),
                                .capacity = channel.config().capacity,
                                .stream_bytes = stream_bytes,
                                .next_sequence = channel.next_sequence(),
                                .context_bytes = channel.config().context_bytes,
                                .result_bytes = channel.config().result_bytes,
                                .next_send = channel.next_send(),
                                .reserved = {}};
  image::write_channel_chunk(image + stream.offset, number, body, checksum);

  Place* const first = places + stream.first_packet;
  const auto by_sequence = [](const Place& a, const Place& b) { return a.sequence < b.sequence; };
  if (!std::is_sorted(first, first + stream.packets, by_sequence))
    std::sort(first, first + stream.packets, by_sequence);

  std::byte* at = image + stream.directory_offset;
  std::uint32_t done = 0;
  std::uint32_t ordinal = stream.blocks + 1;
  do {
    const std::uint32_t count = std::min(stream.packets - done, image::kDirectoryEntries);
    std::byte* entry =
        image::open_chunk(at, image::ChunkKind::kDirectory, {.channel = number, .ordinal = ordinal++, .count = count},
                          count * sizeof(image::DirectoryEntry));
    for (std::uint32_t i = 0; i < count; ++i, entry += sizeof(image::DirectoryEntry)) {
      std::memcpy(entry, &first[done + i].entry, sizeof(image::DirectoryEntry));
    }
    if (checksum) image::seal_chunk(at);
    at += image::chunk_bytes(count * sizeof(image::DirectoryEntry));
    done += count;
  } while (done < stream.packets);
}

}  // namespace vmbsave::save
