// coverage.hpp: whether the rule's intervals hold what they promise, on made-up processes whose median is known. Pure
// computation.
#pragma once

#include <cstdint>
#include <vector>

namespace vmbsave::gate {

enum class Family : std::uint8_t {
  kNormal,
  kSkewed,          // rounds with a long tail to one side
  kAutocorrelated,  // each round is much like the one before, as on a machine whose load comes and goes
  kBimodal,         // some processes lie well in memory, others do not
};
inline constexpr Family kFamilies[] = {Family::kNormal, Family::kSkewed, Family::kAutocorrelated, Family::kBimodal};
const char* family_name(Family family) noexcept;

struct Coverage {
  std::uint64_t draws = 0;
  std::uint64_t above = 0;    // intervals that lay wholly above the median
  std::uint64_t below = 0;    // wholly below
  std::uint64_t allowed = 0;  // of each, by the promised probability and chance (one in a million)
  bool holds() const noexcept { return above <= allowed && below <= allowed; }
};

// At the look with that number.
Coverage coverage(Family family, std::size_t look, std::uint64_t draws, std::uint64_t seed);

}  // namespace vmbsave::gate
