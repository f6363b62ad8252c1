#include "scenarios/live/stamps.hpp"

#include <array>
#include <cstring>

namespace vmbsave::bench {
namespace {

using Words = std::array<std::uint64_t, kBlockBytes / 8>;

Words words_of(std::uint64_t block, Generation generation) noexcept {
  Words words{};
  if (generation == 0) return words;
  words[0] = block;
  words[1] = generation;
  std::uint64_t state = (block << 32) ^ generation;
  for (std::size_t i = 2; i < words.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    words[i] = state;
  }
  return words;
}

}  // namespace

void stamp(Block bytes, std::uint64_t block, Generation generation) noexcept {
  const Words words = words_of(block, generation);
  std::memcpy(bytes.data(), words.data(), sizeof words);
}

std::optional<Generation> read_stamp(ConstBlock bytes, std::uint64_t block) noexcept {
  std::uint64_t generation = 0;
  std::memcpy(&generation, bytes.data() + 8, sizeof generation);
  const Words expected = words_of(block, static_cast<Generation>(generation));
  if (std::memcmp(bytes.data(), expected.data(), sizeof expected) != 0) return std::nullopt;
  return static_cast<Generation>(generation);
}

void spoil(Block bytes) noexcept { std::memset(bytes.data(), 0xA5, bytes.size()); }

}  // namespace vmbsave::bench
