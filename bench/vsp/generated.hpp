// generated.hpp: what no public trace holds and a guest has all the same. Pure functions, so that the same request has
// the same whenever it is made.
#pragma once

#include <cstdint>

namespace vmbsave::bench {

// splitmix64: each input bit reaches each output bit.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Number of page `index` of record `record`: 36 bits, as a guest of up to 256 TiB has them.
constexpr std::uint64_t page_number(std::uint64_t record, std::uint32_t index) {
  return mix(mix(record) + index) >> 28;
}

}  // namespace vmbsave::bench
