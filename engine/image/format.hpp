// format.hpp: the bytes of an image, version 1, as engine/FORMAT.md defines them. Little-endian; every chunk starts at
// a multiple of 64 bytes of its stream and is a multiple of 64 bytes long.
//
//   image   = ImageChunk, a channel stream for each channel, EndChunk
//   channel = ChannelChunk, block chunks, directory chunks
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace vmbsave::image {

inline constexpr std::uint32_t kMagic = 0x53424d56;  // "VMBS"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kChunkAlignment = 64;
inline constexpr std::size_t kRecordAlignment = 16;       // of LibBuf and SaveBuf
inline constexpr std::uint32_t kDirectoryEntries = 1024;  // most in one directory chunk
inline constexpr std::uint64_t kMaxChunkBytes = 0xFFFFFFFFu;
inline constexpr std::uint32_t kMaxPackets = 1u << 20;      // in one save
inline constexpr std::uint32_t kMaxStateBytes = 64u << 20;  // of one packet's SaveBuf
inline constexpr std::uint32_t kBlockPackets = 63;  // most in one block: of the largest states, a chunk holds them

enum class ChunkKind : std::uint16_t { kImage = 1, kChannel = 2, kBlock = 3, kDirectory = 4, kEnd = 5 };

// Of ChunkHeader::required, in image and end chunks: the image was written before its length was known.
// ImageBody::bytes is 0, and the end chunk has the totals in an EndBody.
inline constexpr std::uint32_t kStreamed = 1;

// At the start of each chunk.
struct ChunkHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t kind;
  std::uint32_t bytes;     // of the whole chunk
  std::uint32_t required;  // features that a reader must know: kStreamed
  std::uint32_t channel;   // number of the channel in the image; 0 in image and end chunks
  std::uint32_t ordinal;   // of the chunk in its channel's stream, from 0; 0 in image and end chunks
  std::uint32_t count;     // packets of a block, entries of a directory, else 0
  std::uint32_t body;  // bytes of the body that this version defines; what follows up to `bytes` is padding or unknown
  std::uint64_t reserved[3];
  std::uint64_t
      checksum;  // XXH3-64 of the body (all bytes after the header), seeded with XXH3-64 of the header's first 56 bytes
};
static_assert(sizeof(ChunkHeader) == 64 && offsetof(ChunkHeader, checksum) == 56);

struct ImageBody {
  std::uint32_t channels;
  std::uint32_t engine_version;  // major << 16 | minor << 8 | patch
  std::uint64_t packets;
  std::uint64_t bytes;  // of the image, this chunk and the end chunk included; 0 if it was streamed
  std::uint32_t page_size;
  std::uint32_t reserved0;
  char producer[32];  // zero-padded
};
static_assert(sizeof(ImageBody) == 64);

// Of a streamed image.
struct EndBody {
  std::uint64_t packets;
  std::uint64_t bytes;  // of the image, as in ImageBody
  std::uint64_t reserved[6];
};
static_assert(sizeof(EndBody) == 64);

struct ChannelBody {
  std::uint32_t packets;
  std::uint32_t blocks;  // block chunks
  std::uint32_t directory_chunks;
  std::uint32_t capacity;      // of the saved channel's table: packets of the guest
  std::uint64_t stream_bytes;  // of the channel's stream, this chunk included
  std::uint64_t next_sequence;
  std::uint32_t context_bytes;
  std::uint32_t result_bytes;
  std::uint64_t next_send;  // first transaction id that the channel has not sent under
  std::uint64_t reserved[2];
};
static_assert(sizeof(ChannelBody) == 64);

// A record's own header, and at the same time what RestorePacket gets as LibBuf. Followed by the payload of a packet
// still queued, and at the next multiple of 16 by the VSP's SaveBuf.
struct LibBuf {
  std::uint64_t transaction_id;
  std::uint64_t sequence;
  std::uint32_t record_bytes;  // from this record to the next, a multiple of 16
  std::uint32_t save_bytes;    // of SaveBuf
  std::uint32_t payload_bytes;
  std::uint8_t direction;  // 0 incoming, 1 outgoing
  std::uint8_t flags;      // kLibBuf...
  std::uint16_t reserved;
};
static_assert(sizeof(LibBuf) == 32);
inline constexpr std::uint8_t kLibBufCompletionRequested = 1;
inline constexpr std::uint8_t kLibBufQueued = 2;  // outgoing, not yet in the ring: the payload follows

// Where a record lies. Entries are in order of sequence numbers, the order of RestorePacket.
struct DirectoryEntry {
  std::uint32_t ordinal;  // of the block chunk
  std::uint32_t offset;   // of the record in it
};
static_assert(sizeof(DirectoryEntry) == 8);

constexpr std::uint64_t save_buf_offset(std::uint32_t payload_bytes) noexcept {
  return base::align_up(sizeof(LibBuf) + std::uint64_t{payload_bytes}, kRecordAlignment);
}
constexpr std::uint64_t record_bytes(std::uint32_t payload_bytes, std::uint32_t save_bytes) noexcept {
  return save_buf_offset(payload_bytes) + base::align_up(save_bytes, kRecordAlignment);
}
constexpr std::uint64_t chunk_bytes(std::uint64_t body_bytes) noexcept {
  return base::align_up(sizeof(ChunkHeader) + body_bytes, kChunkAlignment);
}
constexpr std::uint32_t directory_chunks(std::uint32_t packets) noexcept {
  return packets == 0 ? 1 : (packets + kDirectoryEntries - 1) / kDirectoryEntries;
}

// Of one channel's directory chunks.
inline constexpr std::uint64_t kFullDirectoryBytes = chunk_bytes(kDirectoryEntries * sizeof(DirectoryEntry));
constexpr std::uint64_t directory_bytes(std::uint32_t packets) noexcept {
  const std::uint64_t full = packets / kDirectoryEntries;
  const std::uint64_t rest = packets % kDirectoryEntries;
  std::uint64_t bytes = full * kFullDirectoryBytes;
  if (rest != 0 || full == 0) bytes += chunk_bytes(rest * sizeof(DirectoryEntry));
  return bytes;
}

inline constexpr std::uint64_t kImageChunkBytes = chunk_bytes(sizeof(ImageBody));
inline constexpr std::uint64_t kChannelChunkBytes = chunk_bytes(sizeof(ChannelBody));
static_assert(chunk_bytes(kBlockPackets * record_bytes(512u << 10, kMaxStateBytes)) <= kMaxChunkBytes, "with payloads");
inline constexpr std::uint64_t kEndChunkBytes = chunk_bytes(0);
inline constexpr std::uint64_t kStreamedEndChunkBytes = chunk_bytes(sizeof(EndBody));

}  // namespace vmbsave::image
