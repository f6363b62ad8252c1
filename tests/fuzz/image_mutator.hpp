// image_mutator.hpp: changes an image where it hurts, and seals it again: bytes changed at random would nearly all be
// refused by a checksum, and the decoder behind it would see none of them.
#pragma once

#include <random>
#include <vector>

#include "fuzz/target.hpp"

namespace vmbsave::fuzz {

// Changes `size` bytes in `data`, which has room for `room`, and returns how many there are then: LLVMFuzzerMutate, or
// random_bytes where there is no libFuzzer.
using ByteMutator = std::size_t (*)(std::uint8_t* data, std::size_t size, std::size_t room);
std::size_t random_bytes(std::uint8_t* data, std::size_t size, std::size_t room);

class ImageMutator {
 public:
  ImageMutator(std::uint32_t seed, ByteMutator mutate_bytes) : random_(seed), mutate_bytes_(mutate_bytes) {}

  // Another image of at most `room` bytes. Nine of ten have checksums that match.
  std::vector<std::byte> mutated(Input image, std::size_t room);
  // Chunks of both.
  std::vector<std::byte> crossed(Input one, Input other, std::size_t room);

 private:
  using Chunk = std::vector<std::byte>;
  using Chunks = std::vector<Chunk>;

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  void change(Chunks& chunks);
  void move_chunks(Chunks& chunks);
  void change_header(Chunk& chunk);
  void change_body(Chunk& chunk);
  void change_record(Chunk& block);
  void change_numbers(Chunk& chunk, std::size_t first, std::size_t end, std::size_t width);
  void change_bytes(Chunk& chunk);
  void resize(Chunk& chunk);
  std::uint64_t number(std::uint64_t old);

  void repair(Chunks& chunks);
  void repair_stream(Chunks& chunks, std::size_t first, std::size_t end);
  std::vector<std::byte> joined(const Chunks& chunks, std::size_t room) const;

  std::minstd_rand random_;
  ByteMutator mutate_bytes_;
};

}  // namespace vmbsave::fuzz
