#include "image/chunk_writer.hpp"

#include <cstring>
#include <new>

#include "image/checksum.hpp"

namespace vmbsave::image {
namespace {

constexpr std::uint32_t kEngineVersion = 0u << 16 | 1u << 8 | 0u;
constexpr std::uint32_t kPageSize = 4096;
constexpr char kProducer[] = "vmbsave";

}  // namespace

std::byte* write_header(std::byte* at, ChunkKind kind, const ChunkLabel& label, std::uint64_t body_bytes) noexcept {
  // In its place: a copy would wait for the stores that it is made of.
  ::new (static_cast<void*>(at)) ChunkHeader{.magic = kMagic,
                                             .version = kVersion,
                                             .kind = static_cast<std::uint16_t>(kind),
                                             .bytes = static_cast<std::uint32_t>(chunk_bytes(body_bytes)),
                                             .required = 0,
                                             .channel = label.channel,
                                             .ordinal = label.ordinal,
                                             .count = label.count,
                                             .body = static_cast<std::uint32_t>(body_bytes),
                                             .reserved = {},
                                             .checksum = 0};
  return at + sizeof(ChunkHeader);
}

std::byte* open_chunk(std::byte* at, ChunkKind kind, const ChunkLabel& label, std::uint64_t body_bytes) noexcept {
  std::byte* const body = write_header(at, kind, label, body_bytes);
  std::memset(body + body_bytes, 0, chunk_bytes(body_bytes) - sizeof(ChunkHeader) - body_bytes);
  return body;
}

void seal_chunk(std::byte* at) noexcept {
  auto* const header = reinterpret_cast<ChunkHeader*>(at);
  header->checksum = chunk_checksum(at, header->bytes);
}

namespace {

// The whole of a chunk that belongs to no channel.
template <class Body>
void write_own_chunk(std::byte* at, ChunkKind kind, std::uint32_t required, const Body& body, bool checksum) noexcept {
  std::memcpy(open_chunk(at, kind, {}, sizeof body), &body, sizeof body);
  reinterpret_cast<ChunkHeader*>(at)->required = required;
  if (checksum) seal_chunk(at);
}

ImageBody image_body(std::uint32_t channels, std::uint64_t packets, std::uint64_t bytes) noexcept {
  ImageBody body{};
  body.channels = channels;
  body.engine_version = kEngineVersion;
  body.packets = packets;
  body.bytes = bytes;
  body.page_size = kPageSize;
  std::memcpy(body.producer, kProducer, sizeof kProducer);
  return body;
}

}  // namespace

void write_image_chunk(std::byte* at, std::uint32_t channels, std::uint64_t packets, std::uint64_t bytes,
                       bool checksum) noexcept {
  write_own_chunk(at, ChunkKind::kImage, 0, image_body(channels, packets, bytes), checksum);
}

void write_streamed_image_chunk(std::byte* at, std::uint32_t channels, std::uint64_t packets, bool checksum) noexcept {
  write_own_chunk(at, ChunkKind::kImage, kStreamed, image_body(channels, packets, 0), checksum);
}

void write_streamed_end_chunk(std::byte* at, std::uint64_t packets, std::uint64_t bytes, bool checksum) noexcept {
  write_own_chunk(at, ChunkKind::kEnd, kStreamed, EndBody{.packets = packets, .bytes = bytes, .reserved = {}},
                  checksum);
}

void write_channel_chunk(std::byte* at, std::uint32_t channel, const ChannelBody& body, bool checksum) noexcept {
  std::memcpy(open_chunk(at, ChunkKind::kChannel, {.channel = channel}, sizeof body), &body, sizeof body);
  if (checksum) seal_chunk(at);
}

void write_end_chunk(std::byte* at, bool checksum) noexcept {
  open_chunk(at, ChunkKind::kEnd, {}, 0);
  if (checksum) seal_chunk(at);
}

}  // namespace vmbsave::image
