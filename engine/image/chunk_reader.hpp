// chunk_reader.hpp: takes chunks from bytes that nobody has checked yet. Order of the checks: magic, version, lengths,
// checksum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "image/format.hpp"
#include "vmbsave/restore.hpp"

namespace vmbsave::image {

// A whole, sealed chunk. The header is a copy, so that nobody needs the bytes aligned to read it.
struct Chunk {
  ChunkHeader header;
  std::span<const std::byte> bytes;  // header included

  ChunkKind kind() const noexcept { return static_cast<ChunkKind>(header.kind); }
  std::span<const std::byte> body() const noexcept { return bytes.subspan(sizeof(ChunkHeader), header.body); }
};

// The chunk at the start of `bytes`, or what is wrong with it: kMissingTail (not whole in `bytes`), kNotAnImage,
// kVersion, kFeature, kLengths, kChecksum.
RestoreFault read_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept;

// The same without the checksum: for images of a save that left it out, which nobody restores.
RestoreFault read_unchecked_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept;

// Copies a body of fixed size. False: the chunk's body is shorter. What lies behind it is of later writers.
template <class Body>
bool read_body(const Chunk& chunk, Body& body) noexcept;

// The record at `offset` of a block chunk (from the chunk's start), bounds checked. False: it does not lie whole in
// the block.
struct Record {
  LibBuf lib;
  std::uint64_t offset;
  std::uint64_t save_offset;
};
bool read_record(const Chunk& block, std::uint64_t offset, Record& record) noexcept;

}  // namespace vmbsave::image

#include <cstring>

template <class Body>
bool vmbsave::image::read_body(const Chunk& chunk, Body& body) noexcept {
  if (chunk.header.body < sizeof body) return false;
  std::memcpy(&body, chunk.bytes.data() + sizeof(ChunkHeader), sizeof body);
  return true;
}
