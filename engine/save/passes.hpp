// passes.hpp: the two calls of SavePacket for the packets of a block. Each function touches its own block and its
// worker's room only, so that any number of threads may work on different ones. Nothing here allocates, but for the
// guarded buffers of level 2.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "base/check.hpp"
#include "image/chunk_writer.hpp"
#include "packet/channel.hpp"
#include "save/plan.hpp"
#include "save/prefetch.hpp"
#include "save/zeroed.hpp"

namespace vmbsave::save {

// The sizing pass's SaveBuf: there, aligned, and not to be touched.
alignas(image::kRecordAlignment) inline std::byte sizing_pass_buffer[image::kRecordAlignment];

// First call: bytes of state that the VSP has for this packet, or kStateless.
inline Status size_packet(const packet::ChannelConfig& config, packet::Packet* packet, std::uint32_t& size) {
  std::uint32_t needed = 0;
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), sizing_pass_buffer, 0, &needed));
  if (succeeded(status)) {
    size = kStateless;
    return status == Status::kPending ? Status::kInvalidDeviceRequest : Status::kSuccess;  // it is synchronous
  }
  size = needed;
  if (needed - 1 < image::kMaxStateBytes) [[likely]]
    return Status::kSuccess;
  return needed == 0 ? status : Status::kInvalidBufferSize;
}

// Bytes of a packet's own that travel in its LibBuf: what is not in the ring yet. Packets of the guest are not looked
// at: the sizing pass would touch a cache line more for each.
inline std::uint32_t payload_bytes(bool is_send, const packet::Packet& packet) noexcept {
  return is_send && packet.queued ? packet.data_bytes : 0;
}

inline std::uint32_t room_for(std::uint32_t size) noexcept { return size == kStateless ? 0 : size; }

// Sizes the packets of a block from the one numbered `sized` on; adds their bytes to block.body_bytes. sizes: of all
// the block's packets.
template <class Channel>
PassResult size_block(const Channel& channel, Block& block, BlockPackets& packets, BlockPackets& next,
                      std::uint32_t sized, std::uint32_t* sizes) {
  PassResult result;
  std::uint64_t bytes = sized == 0 ? 0 : block.body_bytes;
  std::uint32_t* size = sizes + sized;
  for (packet::Packet* const* packet = packets.begin() + sized; packet != packets.end(); ++packet) {
    packets.prefetch_ahead(next);
    result.status = size_packet(channel.config(), *packet, *size);
    if (result.status != Status::kSuccess) {
      result.transaction_id = (*packet)->transaction_id;
      return result;
    }
    bytes += image::record_bytes(payload_bytes(block.is_send, **packet), room_for(*size++));
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

// Zeroes the 16 bytes behind a state, of which the record's padding is the first part: what comes behind them is not
// written yet. Without a look at how many they are, and without reading what the VSP has just written: a load that
// spans several of its stores waits for them all.
inline void zero_padding(std::byte* behind, const std::byte* room_end) noexcept {
  const auto left = static_cast<std::size_t>(room_end - behind);
  if (left >= image::kRecordAlignment) [[likely]] {
    std::memset(behind, 0, image::kRecordAlignment);
  } else {
    std::memset(behind, 0, left);
  }
}

// Second call into `buffer`, which is zeroed and has room for `size` bytes, and ends before `room_end`: all up to there
// is the worker's, and not written yet. `used`: what the VSP has written of them, or, if it fails, what it says that it
// needs.
inline Status fill_state(const packet::ChannelConfig& config, packet::Packet* packet, std::byte* buffer,
                         std::uint32_t size, const std::byte* room_end, std::uint32_t& used) {
  std::uint32_t needed = kUnwritten;
#if VMBSAVE_CHECK >= 2
  const Status status = save_guarded(config, packet, buffer, size, needed);
#else
  const auto status =
      static_cast<Status>(config.save_packet(config.handle, packet::to_handle(packet), buffer, size, &needed));
#endif
  if (status != Status::kSuccess) [[unlikely]] {
    used = needed;
    if (status == Status::kPending) return Status::kInvalidDeviceRequest;
    if (!succeeded(status)) return status;
  }
  used = std::min(needed, size);  // not written, or a claim that the buffer cannot bear out: all of it
  if (used != size) [[unlikely]]
    std::memset(buffer + used, 0, size - used);  // of what the VSP did not use, nothing stays
  zero_padding(buffer + size, room_end);         // if the VSP has written behind its buffer
  return Status::kSuccess;
}

// Whether a failed second call says that the packet's state is larger now than when it was sized.
inline bool has_grown(std::uint32_t size, std::uint32_t needed) noexcept {
  return needed != kUnwritten && needed > size && needed <= image::kMaxStateBytes;
}

// Put together in registers: read back from memory as a whole, fields just written would be waited for.
inline void write_lib_buf(const packet::Packet& packet, std::uint32_t record_bytes, std::uint32_t save_bytes,
                          std::uint32_t payload_bytes, std::byte* record) noexcept {
  static_assert(image::kLibBufCompletionRequested == 1 && image::kLibBufQueued == 2);
  const auto flags = static_cast<std::uint8_t>(packet.completion_requested | packet.queued << 1);
  ::new (static_cast<void*>(record)) image::LibBuf{.transaction_id = packet.transaction_id,
                                                   .sequence = packet.sequence,
                                                   .record_bytes = record_bytes,
                                                   .save_bytes = save_bytes,
                                                   .payload_bytes = payload_bytes,
                                                   .direction = static_cast<std::uint8_t>(packet.direction),
                                                   .flags = flags,
                                                   .reserved = 0};
}

// Where the records of one block come from and go to.
struct BlockSave {
  const packet::ChannelConfig& config;
  Block& block;
  BlockPackets& packets;
  BlockPackets& next;  // whose first packets are fetched meanwhile
  Zeroed& zeroed;
  std::uint32_t* sizes;      // of the block's packets
  std::uint64_t* sequences;  // likewise
  std::uint32_t* offsets;    // likewise
  std::byte* chunk;
  std::uint64_t room;  // bytes, whole lines, from `chunk` on
  bool checksum;
  bool may_grow;  // a packet whose state has grown gets its new size; the chunk is then of no use
};

// A packet whose second call failed: it has grown, and says so in its size, or the save fails.
template <bool kSends>
[[gnu::noinline]] void refused(const BlockSave& save, const packet::Packet& packet, std::uint32_t& size,
                               std::uint32_t needed, PassResult& result) noexcept {
  if (!save.may_grow || !has_grown(size, needed)) {
    result.transaction_id = packet.transaction_id;
    return;
  }
  result.status = Status::kSuccess;
  result.grew = true;
  const std::uint32_t payload = payload_bytes(kSends, packet);
  save.block.body_bytes += image::record_bytes(payload, needed) - image::record_bytes(payload, size);
  size = needed;
}

// The records behind those that are saved, one behind the other from `record` on; gives their end. kSizes: each packet
// is sized right before it is saved, until there is no room for it; else all of them are, and there is room. It stops
// early for what `result` says.
template <bool kSends, bool kSizes>
std::byte* save_records(const BlockSave& save, std::byte* record, PassResult& result) {
  std::byte* const end = save.chunk + save.room;
  const std::uint32_t first = save.block.saved;
  std::uint32_t* size = save.sizes + first;
  std::uint64_t* sequence = save.sequences + first;
  std::uint32_t* offset = save.offsets + first;
  Zeroed zeroed = save.zeroed;
  zeroed.begin(save.chunk + base::align_up(static_cast<std::uint64_t>(record - save.chunk), base::kCacheLine), end,
               first == 0 && zeroed.was_left_at(save.chunk));
  for (auto at = save.packets.begin() + first; at != save.packets.end(); ++at) {
    packet::Packet* const packet = *at;
    save.packets.prefetch_ahead(save.next);
    zeroed.prefetch_ahead();
    if constexpr (kSizes) {
      const Status status = size_packet(save.config, packet, *size);
      if (status != Status::kSuccess) [[unlikely]] {
        result = {.status = status, .transaction_id = packet->transaction_id};
        break;
      }
    }
    const std::uint32_t payload = payload_bytes(kSends, *packet);
    const std::uint32_t room = room_for(*size);
    const auto record_bytes = static_cast<std::uint32_t>(image::record_bytes(payload, room));
    if (!zeroed.covers(record, record_bytes)) [[unlikely]] {
      if (kSizes && record_bytes > static_cast<std::size_t>(end - record)) {
        save.block.body_bytes += record_bytes;
        result.ran_out = true;
        result.sized = static_cast<std::uint32_t>(size - save.sizes) + 1;
        break;
      }
      zeroed.extend(record + record_bytes);
    }
    std::uint32_t used = 0;
    if (room != 0) [[likely]] {
      const Status status = fill_state(save.config, packet, record + image::save_buf_offset(payload), room, end, used);
      if (status != Status::kSuccess) [[unlikely]] {
        result.status = status;
        refused<kSends>(save, *packet, *size, used, result);
        if (result.status != Status::kSuccess) break;
      }
    }
    write_lib_buf(*packet, record_bytes, used, payload, record);
    if (kSends && packet->queued) {
      std::memcpy(record + sizeof(image::LibBuf), packet->payload(save.config.context_bytes), payload);
    }
    *sequence++ = packet->sequence;
    *offset++ = static_cast<std::uint32_t>(record - save.chunk);
    record += record_bytes;
    ++size;
  }
  save.block.saved = static_cast<std::uint32_t>(size - save.sizes);
  save.zeroed = zeroed;
  return record;
}

// Saves the packets of a block that are not yet saved into its chunk, and seals the chunk while it is hot. kSizes: as
// of save_records; sets block.body_bytes.
template <bool kSizes>
PassResult save_block(const BlockSave& save) {
  PassResult result;
  Block& block = save.block;
  if (kSizes && save.room < sizeof(image::ChunkHeader)) {
    result.ran_out = true;
    return result;
  }
  std::byte* const first = save.chunk + (block.saved == 0 ? sizeof(image::ChunkHeader) : block.saved_bytes);
  const std::byte* const end = block.is_send ? save_records<true, kSizes>(save, first, result)
                                             : save_records<false, kSizes>(save, first, result);
  if (kSizes) block.body_bytes += static_cast<std::uint64_t>(end - first);
  save.zeroed.forget();
  if (result.status != Status::kSuccess) return result;
  if (image::chunk_bytes(block.body_bytes) > image::kMaxChunkBytes) {
    result.status = Status::kInvalidBufferSize;
  } else if (result.ran_out) {
    block.saved_bytes = static_cast<std::uint32_t>(end - save.chunk);
  } else {
    image::write_header(save.chunk, image::ChunkKind::kBlock,
                        {.channel = block.channel, .ordinal = block.ordinal, .count = block.count}, block.body_bytes);
    block.saved = 0;
    block.due = result.grew;
    if (!result.grew) save.zeroed.leave(save.chunk + image::chunk_bytes(block.body_bytes));
    if (save.checksum && !result.grew) image::seal_chunk(save.chunk);
  }
  return result;
}

// A new place for a block, with what is saved of it: whole lines, because all behind the last record is zeroed so far.
inline void move_block(Block& block, std::uint64_t offset, std::byte* memory) noexcept {
  if (block.saved != 0 && offset != block.offset) {
    std::memcpy(memory + offset, memory + block.offset, base::align_up(block.saved_bytes, base::kCacheLine));
  }
  block.offset = offset;
}

}  // namespace vmbsave::save
