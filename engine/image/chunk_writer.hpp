// chunk_writer.hpp: writes chunk headers and bodies into memory that the caller placed. Nothing here allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/format.hpp"

namespace vmbsave::image {

// What a chunk's header says beyond its kind.
struct ChunkLabel {
  std::uint32_t channel = 0;
  std::uint32_t ordinal = 0;
  std::uint32_t count = 0;
};

// Writes the header without its checksum. Returns the body, which the caller has zeroed, or zeroes.
std::byte* write_header(std::byte* at, ChunkKind kind, const ChunkLabel& label, std::uint64_t body_bytes) noexcept;

// Writes the header without its checksum and zeroes the padding behind the body. `at` has room for
// chunk_bytes(body_bytes). Returns the body.
std::byte* open_chunk(std::byte* at, ChunkKind kind, const ChunkLabel& label, std::uint64_t body_bytes) noexcept;

// Computes the checksum over what was written since.
void seal_chunk(std::byte* at) noexcept;

void write_image_chunk(std::byte* at, std::uint32_t channels, std::uint64_t packets, std::uint64_t bytes,
                       bool checksum) noexcept;
void write_channel_chunk(std::byte* at, std::uint32_t channel, const ChannelBody& body, bool checksum) noexcept;
void write_end_chunk(std::byte* at, bool checksum) noexcept;

// Of an image that is sent before its length is known: the end has the totals.
void write_streamed_image_chunk(std::byte* at, std::uint32_t channels, std::uint64_t packets, bool checksum) noexcept;
void write_streamed_end_chunk(std::byte* at, std::uint64_t packets, std::uint64_t bytes, bool checksum) noexcept;

}  // namespace vmbsave::image
