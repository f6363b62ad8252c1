#include "restore/image_layout.hpp"

namespace vmbsave::restore {

using image::Chunk;

RestoreFault ImageLayout::read(std::span<const std::byte> image, std::uint64_t max_bytes) {
  image_ = image;
  if (image.size() > max_bytes) return RestoreFault::kTooLarge;
  if (const RestoreFault fault = read_head(); fault != RestoreFault::kNone) return fault;
  for (channel_ = 0; channel_ < frame_.channels(); ++channel_) {
    if (const RestoreFault fault = read_stream(); fault != RestoreFault::kNone) return fault;
  }
  channel_ = RestoreReport::kNoChannel;
  return read_end();
}

RestoreFault ImageLayout::read_head() {
  Chunk chunk;
  if (const RestoreFault fault = read_frame_chunk(image_, chunk); fault != RestoreFault::kNone) return fault;
  if (const RestoreFault fault = frame_.take_head(chunk, image_.size()); fault != RestoreFault::kNone) return fault;
  next_ = chunk.bytes.size();
  return RestoreFault::kNone;
}

// By the length in its first chunk.
RestoreFault ImageLayout::read_stream() {
  const std::span<const std::byte> rest = image_.subspan(next_);
  Chunk chunk;
  if (const RestoreFault fault = read_frame_chunk(rest, chunk); fault != RestoreFault::kNone) return fault;
  image::ChannelBody body;
  if (const RestoreFault fault = frame_.take_stream(chunk, next_, body); fault != RestoreFault::kNone) return fault;
  streams_.push_back({next_, rest.first(body.stream_bytes)});
  next_ += body.stream_bytes;
  return RestoreFault::kNone;
}

// What follows the last stream is the end chunk and nothing else.
RestoreFault ImageLayout::read_end() {
  Chunk end;
  const std::span<const std::byte> rest = image_.subspan(next_);
  if (const RestoreFault fault = read_frame_chunk(rest, end); fault != RestoreFault::kNone) return fault;
  if (const RestoreFault fault = frame_.take_end(end, next_ + end.bytes.size()); fault != RestoreFault::kNone)
    return fault;
  return end.bytes.size() == rest.size() ? RestoreFault::kNone : RestoreFault::kTrailingBytes;
}

}  // namespace vmbsave::restore
