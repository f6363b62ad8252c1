// live_spec.hpp: what the scenario "live" is asked to do.
#pragma once

#include <cstdint>

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

struct LiveSpec {
  const VMBS_VSP* vsp = nullptr;  // of the channels; nullptr: storvsp
  std::uint32_t channels = 4;
  std::uint32_t depth = 64;                // requests that the guest keeps under way on each channel
  std::uint64_t disk_bytes = 1ull << 30;   // a multiple of kLiveBlockBytes
  unsigned read_percent = 70;              // of the requests; the others write
  std::uint64_t seed = 1;                  // of their places and kinds
  std::uint64_t every_ns = 50'000'000;     // from one save's begin to the next one's
  std::uint64_t phase_ns = 2'000'000'000;  // before, during, after: each so long
  unsigned rounds = 7;                     // of the three

  std::uint32_t slots() const noexcept { return channels * depth; }  // requests under way, all channels together
};

// Of every request: a page, at a multiple of its size.
inline constexpr std::uint32_t kLiveBlockBytes = 4096;

// A disk has so many blocks for each request under way, so that two seldom meet on one.
inline constexpr std::uint64_t kLiveBlocksPerSlot = 4;

}  // namespace vmbsave::bench
