#include "image/chunk_reader.hpp"

#include <cstring>

#include "image/checksum.hpp"

namespace vmbsave::image {
namespace {

bool lengths_agree(const ChunkHeader& header) noexcept {
  return header.bytes >= sizeof(ChunkHeader) && header.bytes % kChunkAlignment == 0 &&
         header.body <= header.bytes - sizeof(ChunkHeader);
}

// What this reader knows of what a writer may require.
std::uint32_t known_features(const ChunkHeader& header) noexcept {
  const auto kind = static_cast<ChunkKind>(header.kind);
  return kind == ChunkKind::kImage || kind == ChunkKind::kEnd ? kStreamed : 0;
}

}  // namespace

RestoreFault read_unchecked_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept {
  if (bytes.size() < sizeof(ChunkHeader)) return RestoreFault::kMissingTail;
  std::memcpy(&chunk.header, bytes.data(), sizeof chunk.header);
  if (chunk.header.magic != kMagic) return RestoreFault::kNotAnImage;
  if (chunk.header.version != kVersion) return RestoreFault::kVersion;
  if ((chunk.header.required & ~known_features(chunk.header)) != 0) return RestoreFault::kFeature;
  if (!lengths_agree(chunk.header)) return RestoreFault::kLengths;
  if (chunk.header.bytes > bytes.size()) return RestoreFault::kMissingTail;
  chunk.bytes = bytes.first(chunk.header.bytes);
  return RestoreFault::kNone;
}

RestoreFault read_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept {
  const RestoreFault fault = read_unchecked_chunk(bytes, chunk);
  if (fault != RestoreFault::kNone) return fault;
  return chunk_checksum(bytes.data(), chunk.header.bytes) == chunk.header.checksum ? RestoreFault::kNone
                                                                                   : RestoreFault::kChecksum;
}

bool read_record(const Chunk& block, std::uint64_t offset, Record& record) noexcept {
  const std::uint64_t end = sizeof(ChunkHeader) + std::uint64_t{block.header.body};
  if (offset < sizeof(ChunkHeader) || offset % kRecordAlignment != 0 || offset > end || end - offset < sizeof(LibBuf)) {
    return false;
  }
  std::memcpy(&record.lib, block.bytes.data() + offset, sizeof record.lib);
  const LibBuf& lib = record.lib;
  if (lib.record_bytes > end - offset || lib.record_bytes % kRecordAlignment != 0 || lib.direction > 1 ||
      lib.save_bytes > kMaxStateBytes || record_bytes(lib.payload_bytes, lib.save_bytes) > lib.record_bytes) {
    return false;
  }
  record.offset = offset;
  record.save_offset = offset + save_buf_offset(lib.payload_bytes);
  return true;
}

}  // namespace vmbsave::image
