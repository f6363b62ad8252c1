// What travels between guest and blob, and what the state of a request is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmbsave::blob {

static_assert(std::endian::native == std::endian::little, "packets are read and written in place");

struct Request {
  std::uint64_t record;
  std::uint32_t bytes;        // of state; 0: the packet has none
  std::uint32_t callback_ns;  // what each SavePacket call takes longer
};
static_assert(sizeof(Request) == 16);

// Longer is malformed: no callback of a VSP takes so long.
constexpr std::uint32_t kLongestCallbackNs = 1'000'000;

struct Reply {
  std::int32_t status;  // NTSTATUS
  std::uint32_t bytes;  // of state
};
static_assert(sizeof(Reply) == 8);

// A record's state is these words, little-endian, as far as its size goes: splitmix64 of the record, each bit of which
// reaches each bit, and as many odd steps as the word's number. One mix a record, so that a VSP that looks at each word
// costs no more than one that copies it.
constexpr std::uint64_t first_state_word(std::uint64_t record) {
  std::uint64_t x = (record + 1) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}
constexpr std::uint64_t kStateStep = 0x9E3779B97F4A7C15u;

constexpr std::uint64_t state_word(std::uint64_t record, std::uint64_t index) {
  return first_state_word(record) + index * kStateStep;
}

}  // namespace vmbsave::blob
