// image_frame.hpp: the rules of an image's own chunks and of the first one of each stream, in the order in which they
// come, whether the image lies in memory or is being received.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "image/chunk_reader.hpp"

namespace vmbsave::restore {

// Most bytes of a chunk that ImageFrame takes; it leaves room for what later writers add. A reader that an image comes
// to has room for so much before it knows what comes.
inline constexpr std::size_t kMaxFrameChunkBytes = 4096;

// As image::read_chunk, of such a chunk: a longer one is kLengths. The header is enough to see that.
RestoreFault read_frame_chunk(std::span<const std::byte> bytes, image::Chunk& chunk) noexcept;

class ImageFrame {
 public:
  // Of a chunk that read_frame_chunk has taken. size: of all there is; UINT64_MAX: nobody knows yet.
  RestoreFault take_head(const image::Chunk& chunk, std::uint64_t size) noexcept;
  // The first chunk of the next channel's stream, which begins `at` so many bytes.
  RestoreFault take_stream(const image::Chunk& chunk, std::uint64_t at, image::ChannelBody& body) noexcept;
  // The last one; `bytes`: of the whole image.
  RestoreFault take_end(const image::Chunk& chunk, std::uint64_t bytes) const noexcept;

  std::uint32_t channels() const noexcept { return head_.channels; }
  // Length that the head gives; 0: streamed, it gives none.
  std::uint64_t bytes() const noexcept { return head_.bytes; }
  // Of the streams taken.
  std::uint64_t packets() const noexcept { return packets_; }

 private:
  image::ImageBody head_{};
  bool streamed_ = false;
  std::uint64_t end_ = UINT64_MAX;  // of the image, as far as is known
  std::uint32_t next_channel_ = 0;
  std::uint64_t packets_ = 0;
};

}  // namespace vmbsave::restore
