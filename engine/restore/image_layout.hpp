// image_layout.hpp: where the streams of an image's channels lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "restore/image_frame.hpp"

namespace vmbsave::restore {

// A channel's part of the image.
struct StreamSpan {
  std::uint64_t offset;
  std::span<const std::byte> bytes;
};

class ImageLayout {
 public:
  // Reads the image's own chunks and the first chunk of each stream; the streams are not looked into. Throws
  // std::bad_alloc. On a fault, fault_offset() and fault_channel() say where.
  RestoreFault read(std::span<const std::byte> image, std::uint64_t max_bytes);

  std::uint64_t packets() const noexcept { return frame_.packets(); }
  std::span<const StreamSpan> streams() const noexcept { return streams_; }

  std::uint64_t fault_offset() const noexcept { return next_; }
  std::uint32_t fault_channel() const noexcept { return channel_; }  // RestoreReport::kNoChannel: the whole image's

 private:
  RestoreFault read_head();
  RestoreFault read_stream();
  RestoreFault read_end();

  std::span<const std::byte> image_;
  ImageFrame frame_;
  std::uint64_t next_ = 0;  // where the next chunk is looked for
  std::uint32_t channel_ = RestoreReport::kNoChannel;
  std::vector<StreamSpan> streams_;
};

}  // namespace vmbsave::restore
