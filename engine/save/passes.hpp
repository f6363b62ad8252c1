// passes.hpp: the two passes over the packets of a block, and the seal of a channel. Each call touches its own block
// (or channel) only, so that any number of threads may work on different ones. Nothing here allocates.
#pragma once

#include <algorithm>
#include <cstring>

#include "image/chunk_writer.hpp"
#include "packet/channel.hpp"
#include "save/plan.hpp"

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

// Sizes every packet of a block; sets block.body_bytes.
template <class Channel>
PassFailure size_block(const Channel& channel, Block& block, std::uint32_t* sizes) {
  PassFailure failure;
  std::uint64_t bytes = 0;
  std::uint32_t* size = sizes + block.first;
  packet::Packet* const* const packets = channel.slots() + block.word * sync::kSlotsPerWord;
  for (SlotSet left = block.members; left != 0; left &= left - 1, ++size) {
    packet::Packet* const packet = packets[sync::first_slot(left)];
    failure.status = size_packet(channel.config(), packet, *size);
    if (failure.status != Status::kSuccess) {
      failure.transaction_id = packet->transaction_id;
      return failure;
    }
    bytes += image::record_bytes(0, *size == kStateless ? 0 : *size);
  }
  block.body_bytes = bytes;
  if (image::chunk_bytes(bytes) > image::kMaxChunkBytes) failure.status = Status::kInvalidBufferSize;
  return failure;
}

// Second call into `buffer`, which has room for `size` bytes, and zeroed tails: of what the VSP did not use, nothing
// stays.
inline Status fill_state(const packet::ChannelConfig& config, packet::Packet* packet, std::byte* buffer,
                         std::uint32_t size, std::uint32_t& used) {
  constexpr std::uint32_t kUnwritten = 0xFFFFFFFFu;
  const std::uint64_t room = base::align_up(size, image::kRecordAlignment);
  std::memset(buffer, 0, room);
  std::uint32_t needed = kUnwritten;
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), buffer, size, &needed));
  if (status == Status::kPending) return Status::kInvalidDeviceRequest;
  if (!succeeded(status)) return status;
  used = needed <= size ? needed : size;
  std::memset(buffer + used, 0, room - used);
  return Status::kSuccess;
}

// Saves every packet of a block into its chunk at `chunk`, and seals the chunk while it is hot.
template <class Channel>
PassFailure save_block(const Channel& channel, const Block& block, const std::uint32_t* sizes, Place* places,
                       std::byte* chunk, bool checksum) {
  PassFailure failure;
  std::byte* record =
      image::open_chunk(chunk, image::ChunkKind::kBlock,
                        {.channel = block.channel, .ordinal = block.ordinal, .count = block.count}, block.body_bytes);
  const std::uint32_t* size = sizes + block.first;
  Place* place = places + block.first;
  packet::Packet* const* const packets = channel.slots() + block.word * sync::kSlotsPerWord;
  for (SlotSet left = block.members; left != 0; left &= left - 1, ++size, ++place) {
    packet::Packet* const packet = packets[sync::first_slot(left)];
    image::LibBuf lib{};
    lib.transaction_id = packet->transaction_id;
    lib.sequence = packet->sequence;
    lib.direction = static_cast<std::uint8_t>(packet->direction);
    lib.flags = packet->completion_requested ? image::kLibBufCompletionRequested : 0;
    const std::uint32_t room = *size == kStateless ? 0 : *size;
    lib.record_bytes = static_cast<std::uint32_t>(image::record_bytes(0, room));
    if (room != 0) {
      failure.status = fill_state(channel.config(), packet, record + image::save_buf_offset(0), room, lib.save_bytes);
      if (failure.status != Status::kSuccess) {
        failure.transaction_id = packet->transaction_id;
        return failure;
      }
    }
    std::memcpy(record, &lib, sizeof lib);
    *place = {packet->sequence, {block.ordinal, static_cast<std::uint32_t>(record - chunk)}};
    record += lib.record_bytes;
  }
  if (checksum) image::seal_chunk(chunk);
  return failure;
}

// Writes a channel's own chunk and its directory, in order of sequence numbers. Sorts `places` in place.
template <class Channel>
void seal_stream(const Channel& channel, std::uint32_t number, const Stream& stream, Place* places, std::byte* image,
                 bool checksum) noexcept {
  const image::ChannelBody body{.packets = stream.packets,
                                .blocks = stream.blocks,
                                .directory_chunks = image::directory_chunks(stream.packets),
                                .capacity = channel.config().capacity,
                                .stream_bytes = stream.end - stream.offset,
                                .next_sequence = channel.next_sequence(),
                                .context_bytes = channel.config().context_bytes,
                                .result_bytes = channel.config().result_bytes,
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
