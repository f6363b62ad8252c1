#include "restore/image_layout.hpp"

namespace vmbsave::restore {

using image::Chunk;
using image::ChunkKind;

RestoreFault ImageLayout::read(std::span<const std::byte> image, std::uint64_t max_bytes) {
  image_ = image;
  if (image.size() > max_bytes) return RestoreFault::kTooLarge;
  if (const RestoreFault fault = read_head(); fault != RestoreFault::kNone) return fault;
  for (channel_ = 0; channel_ < head_.channels; ++channel_) {
    if (const RestoreFault fault = read_stream(); fault != RestoreFault::kNone) return fault;
  }
  channel_ = RestoreReport::kNoChannel;
  return read_end();
}

RestoreFault ImageLayout::read_head() {
  Chunk chunk;
  if (const RestoreFault fault = image::read_chunk(image_, chunk); fault != RestoreFault::kNone) return fault;
  if (chunk.kind() != ChunkKind::kImage) return RestoreFault::kOrder;
  if (!image::read_body(chunk, head_)) return RestoreFault::kLengths;
  streamed_ = (chunk.header.required & image::kStreamed) != 0;
  if (streamed_ && head_.bytes != 0) return RestoreFault::kLengths;
  if (!streamed_ && head_.bytes > image_.size()) return RestoreFault::kMissingTail;
  if (!streamed_ && head_.bytes < image_.size()) return RestoreFault::kTrailingBytes;
  next_ = chunk.bytes.size();
  return RestoreFault::kNone;
}

// By the length in its first chunk.
RestoreFault ImageLayout::read_stream() {
  const std::span<const std::byte> rest = image_.subspan(next_);
  Chunk chunk;
  if (const RestoreFault fault = image::read_chunk(rest, chunk); fault != RestoreFault::kNone) return fault;
  image::ChannelBody body;
  if (chunk.kind() != ChunkKind::kChannel || chunk.header.channel != channel_) return RestoreFault::kOrder;
  if (!image::read_body(chunk, body) || body.stream_bytes < chunk.bytes.size() ||
      body.stream_bytes % image::kChunkAlignment != 0) {
    return RestoreFault::kLengths;
  }
  if (body.stream_bytes > rest.size()) return streamed_ ? RestoreFault::kMissingTail : RestoreFault::kLengths;
  streams_.push_back({next_, rest.first(body.stream_bytes)});
  packets_ += body.packets;
  next_ += body.stream_bytes;
  return RestoreFault::kNone;
}

// What follows the last stream is the end chunk and nothing else, and the totals agree.
RestoreFault ImageLayout::read_end() {
  Chunk end;
  const std::span<const std::byte> rest = image_.subspan(next_);
  if (const RestoreFault fault = image::read_chunk(rest, end); fault != RestoreFault::kNone) return fault;
  if (end.kind() != ChunkKind::kEnd || ((end.header.required & image::kStreamed) != 0) != streamed_) {
    return RestoreFault::kOrder;
  }
  if (end.bytes.size() != rest.size()) return RestoreFault::kTrailingBytes;
  image::EndBody totals{.packets = head_.packets, .bytes = head_.bytes, .reserved = {}};
  if (streamed_ && !image::read_body(end, totals)) return RestoreFault::kLengths;
  if (totals.packets != packets_ || head_.packets != packets_ || totals.bytes != image_.size()) {
    return RestoreFault::kCounts;
  }
  return RestoreFault::kNone;
}

}  // namespace vmbsave::restore
