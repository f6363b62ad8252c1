#include "image/chunk_reader.hpp"

#include <cstring>

#include "image/checksum.hpp"

namespace vmbsave::image {
namespace {

bool lengths_agree(const ChunkHeader& header, std::size_t available) noexcept {
  return header.bytes >= sizeof(ChunkHeader) && header.bytes % kChunkAlignment == 0 && header.bytes <= available &&
         header.body <= header.bytes - sizeof(ChunkHeader);
}

}  // namespace

Status read_unchecked_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept {
  if (bytes.size() < sizeof(ChunkHeader)) return Status::kInvalidBufferSize;
  std::memcpy(&chunk.header, bytes.data(), sizeof chunk.header);
  if (chunk.header.magic != kMagic) return Status::kInvalidImageFormat;
  if (chunk.header.version != kVersion || chunk.header.required != 0) return Status::kRevisionMismatch;
  if (!lengths_agree(chunk.header, bytes.size())) return Status::kInvalidBufferSize;
  chunk.bytes = bytes.first(chunk.header.bytes);
  return Status::kSuccess;
}

Status read_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept {
  const Status status = read_unchecked_chunk(bytes, chunk);
  if (status != Status::kSuccess) return status;
  return chunk_checksum(bytes.data(), chunk.header.bytes) == chunk.header.checksum ? Status::kSuccess
                                                                                   : Status::kCrcError;
}

Status read_record(const Chunk& block, std::uint64_t offset, Record& record) noexcept {
  const std::uint64_t end = sizeof(ChunkHeader) + std::uint64_t{block.header.body};
  if (offset < sizeof(ChunkHeader) || offset % kRecordAlignment != 0 || offset > end || end - offset < sizeof(LibBuf)) {
    return Status::kDataError;
  }
  std::memcpy(&record.lib, block.bytes.data() + offset, sizeof record.lib);
  const LibBuf& lib = record.lib;
  if (lib.record_bytes > end - offset || lib.record_bytes % kRecordAlignment != 0 || lib.direction > 1 ||
      lib.save_bytes > kMaxStateBytes || record_bytes(lib.payload_bytes, lib.save_bytes) > lib.record_bytes) {
    return Status::kDataError;
  }
  record.offset = offset;
  record.save_offset = offset + save_buf_offset(lib.payload_bytes);
  return Status::kSuccess;
}

}  // namespace vmbsave::image
