// image_mutator_entry.cpp: the mutator for libFuzzer.
#include <algorithm>

#include "fuzz/image_mutator.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t room);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t room, unsigned seed);
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size, std::uint8_t* out,
                                                 std::size_t room, unsigned seed);

namespace {

using vmbsave::fuzz::ImageMutator;
using vmbsave::fuzz::Input;

Input bytes_of(const std::uint8_t* data, std::size_t size) { return std::as_bytes(std::span(data, size)); }

std::size_t written(const std::vector<std::byte>& image, std::uint8_t* out) {
  std::copy(image.begin(), image.end(), reinterpret_cast<std::byte*>(out));
  return image.size();
}

}  // namespace

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t room, unsigned seed) {
  return written(ImageMutator(seed, LLVMFuzzerMutate).mutated(bytes_of(data, size), room), data);
}

std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size, const std::uint8_t* other,
                                      std::size_t other_size, std::uint8_t* out, std::size_t room, unsigned seed) {
  return written(
      ImageMutator(seed, LLVMFuzzerMutate).crossed(bytes_of(one, one_size), bytes_of(other, other_size), room), out);
}
