#include "restore/image_frame.hpp"

namespace vmbsave::restore {

using image::Chunk;
using image::ChunkKind;

namespace {

bool is_streamed(const Chunk& chunk) noexcept { return (chunk.header.required & image::kStreamed) != 0; }

}  // namespace

RestoreFault read_frame_chunk(std::span<const std::byte> bytes, Chunk& chunk) noexcept {
  if (bytes.size() < sizeof(image::ChunkHeader)) return RestoreFault::kMissingTail;
  const RestoreFault fault = image::read_unchecked_chunk(bytes, chunk);
  if (fault != RestoreFault::kNone && fault != RestoreFault::kMissingTail) return fault;
  if (chunk.header.bytes > kMaxFrameChunkBytes) return RestoreFault::kLengths;
  return fault == RestoreFault::kNone ? image::read_chunk(bytes, chunk) : fault;
}

RestoreFault ImageFrame::take_head(const Chunk& chunk, std::uint64_t size) noexcept {
  if (chunk.kind() != ChunkKind::kImage) return RestoreFault::kOrder;
  if (!image::read_body(chunk, head_)) return RestoreFault::kLengths;
  streamed_ = is_streamed(chunk);
  if (streamed_ != (head_.bytes == 0)) return RestoreFault::kLengths;
  if (!streamed_ && size != UINT64_MAX && head_.bytes != size) {
    return head_.bytes > size ? RestoreFault::kMissingTail : RestoreFault::kTrailingBytes;
  }
  end_ = streamed_ ? size : head_.bytes;
  return RestoreFault::kNone;
}

RestoreFault ImageFrame::take_stream(const Chunk& chunk, std::uint64_t at, image::ChannelBody& body) noexcept {
  if (chunk.kind() != ChunkKind::kChannel || chunk.header.channel != next_channel_) return RestoreFault::kOrder;
  if (!image::read_body(chunk, body) || body.stream_bytes < chunk.bytes.size() ||
      body.stream_bytes % image::kChunkAlignment != 0) {
    return RestoreFault::kLengths;
  }
  if (at > end_ || body.stream_bytes > end_ - at) {
    return streamed_ ? RestoreFault::kMissingTail : RestoreFault::kLengths;
  }
  ++next_channel_;
  packets_ += body.packets;
  return RestoreFault::kNone;
}

RestoreFault ImageFrame::take_end(const Chunk& chunk, std::uint64_t bytes) const noexcept {
  if (chunk.kind() != ChunkKind::kEnd || is_streamed(chunk) != streamed_) return RestoreFault::kOrder;
  image::EndBody totals{.packets = head_.packets, .bytes = head_.bytes, .reserved = {}};
  if (streamed_ && !image::read_body(chunk, totals)) return RestoreFault::kLengths;
  const bool agree = totals.packets == packets_ && head_.packets == packets_ && totals.bytes == bytes;
  return agree ? RestoreFault::kNone : RestoreFault::kCounts;
}

}  // namespace vmbsave::restore
