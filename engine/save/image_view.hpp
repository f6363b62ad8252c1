// image_view.hpp: an image as its readers see it: chunks in the order of the format, wherever they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "save/plan.hpp"

namespace vmbsave::save {

// Valid until the session's next begin or reserve.
class ImageView {
 public:
  ImageView(const Plan& plan, const std::byte* memory) noexcept : plan_(&plan), memory_(memory) {}

  std::uint64_t bytes() const noexcept { return plan_->image_bytes; }

  // The image's first and last chunk, of a complete image.
  std::span<const std::byte> head() const noexcept { return at(0, image::kImageChunkBytes); }
  std::span<const std::byte> end() const noexcept { return at(plan_->end_offset, image::kEndChunkBytes); }

  std::uint32_t channels() const noexcept { return static_cast<std::uint32_t>(plan_->streams.size()); }

  // f(piece) for each stretch of a channel's stream that lies in one piece, in its order.
  template <class Function>
  void for_each_piece_of(std::uint32_t channel, Function&& f) const {
    Pieces pieces(f);
    add_stream(plan_->streams[channel], pieces);
    pieces.flush();
  }

  // The chunk with that ordinal in a channel's stream; empty behind the last one. O(1).
  std::span<const std::byte> chunk(std::uint32_t channel, std::uint32_t ordinal) const noexcept {
    const Stream& stream = plan_->streams[channel];
    if (ordinal == 0) return at(stream.offset, image::kChannelChunkBytes);
    if (ordinal <= stream.blocks) {
      const Block& block = plan_->blocks[stream.first_block + ordinal - 1];
      return at(block.offset, image::chunk_bytes(block.body_bytes));
    }
    const std::uint64_t before = std::uint64_t{ordinal - stream.blocks - 1} * image::kFullDirectoryBytes;
    const std::uint64_t all = image::directory_bytes(stream.packets);
    if (before >= all) return {};
    return at(stream.directory_offset + before, std::min(all - before, image::kFullDirectoryBytes));
  }

  // f(piece) for each stretch of the image that lies in one piece, in the order of the image.
  template <class Function>
  void for_each_piece(Function&& f) const {
    Pieces pieces(f);
    if (bytes() != 0) pieces.add(head());
    for (const Stream& stream : plan_->streams) add_stream(stream, pieces);
    if (bytes() != 0) pieces.add(end());
    pieces.flush();
  }

  // The whole image, if it lies in one piece: always so with the exact plan.
  std::span<const std::byte> contiguous() const noexcept {
    std::span<const std::byte> whole;
    for_each_piece([&](std::span<const std::byte> piece) {
      if (piece.size() == bytes()) whole = piece;
    });
    return whole;
  }

  // Gathers it into bytes() bytes at `to`.
  void copy_to(std::byte* to) const noexcept {
    for_each_piece([&](std::span<const std::byte> piece) {
      std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    });
  }

 private:
  // Puts chunks together that lie one behind the other.
  template <class Function>
  class Pieces {
   public:
    explicit Pieces(Function& f) noexcept : f_(f) {}
    void add(std::span<const std::byte> next) {
      if (next.data() == piece_.data() + piece_.size()) {
        piece_ = {piece_.data(), piece_.size() + next.size()};
      } else {
        flush();
        piece_ = next;
      }
    }
    void flush() {
      if (!piece_.empty()) f_(piece_);
    }

   private:
    Function& f_;
    std::span<const std::byte> piece_;
  };

  template <class Function>
  void add_stream(const Stream& stream, Pieces<Function>& pieces) const {
    pieces.add(at(stream.offset, image::kChannelChunkBytes));
    for (std::uint32_t b = stream.first_block; b < stream.first_block + stream.blocks; ++b) {
      pieces.add(at(plan_->blocks[b].offset, image::chunk_bytes(plan_->blocks[b].body_bytes)));
    }
    pieces.add(at(stream.directory_offset, image::directory_bytes(stream.packets)));
  }

  std::span<const std::byte> at(std::uint64_t offset, std::uint64_t length) const noexcept {
    return {memory_ + offset, static_cast<std::size_t>(length)};
  }

  const Plan* plan_;
  const std::byte* memory_;
};

}  // namespace vmbsave::save
