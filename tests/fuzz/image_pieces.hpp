// image_pieces.hpp: an image as its chunks' own headers cut it, which may be lies: every byte is in one piece.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "fuzz/target.hpp"
#include "image/format.hpp"

namespace vmbsave::fuzz {

template <class Part>
Part part_at(Input bytes, std::size_t offset) noexcept {
  Part part{};
  if (offset < bytes.size()) std::memcpy(&part, bytes.data() + offset, std::min(sizeof part, bytes.size() - offset));
  return part;
}

// The chunk at the start; all that is left, if its length cannot be.
inline Input first_chunk(Input bytes) noexcept {
  const auto header = part_at<image::ChunkHeader>(bytes, 0);
  const bool whole = bytes.size() >= sizeof header && header.bytes >= sizeof header && header.bytes <= bytes.size();
  return whole ? bytes.first(header.bytes) : bytes;
}

inline std::vector<Input> chunks_of(Input bytes) {
  std::vector<Input> chunks;
  for (; !bytes.empty(); bytes = bytes.subspan(chunks.back().size())) chunks.push_back(first_chunk(bytes));
  return chunks;
}

inline image::ChunkKind kind_of(Input chunk) noexcept {
  return static_cast<image::ChunkKind>(part_at<image::ChunkHeader>(chunk, 0).kind);
}

// How the target restores an image: in a field that no reader looks at, so that a seed is an image like any other.
struct Course {
  bool in_executor;   // channels in an executor
  bool beside_save;   // while a save runs, which refuses it
  bool misaligned;    // pieces from where no callback may read
  bool small_cap;     // under a size cap that most images are above
  bool sends;         // between the first two pieces the VSP sends a packet, which spoils it
  unsigned a_piece;   // chunks of a piece, 1 to 4
  unsigned channels;  // of the VM, 1 to 3

  explicit Course(Input bytes) noexcept {
    const auto body = part_at<image::ImageBody>(bytes, sizeof(image::ChunkHeader));
    in_executor = (body.reserved0 & 1) != 0;
    beside_save = (body.reserved0 & 2) != 0;
    misaligned = (body.reserved0 & 4) != 0;
    small_cap = (body.reserved0 & 64) != 0;
    sends = (body.reserved0 & 32) != 0;
    a_piece = 1 + (body.reserved0 >> 3) % 4;
    channels = body.channels >= 1 && body.channels <= 3 ? body.channels : 2;
  }
};

}  // namespace vmbsave::fuzz
