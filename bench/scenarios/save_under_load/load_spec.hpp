// load_spec.hpp: one row of the scenario "save under load": what the VSP is asked to do, and how it is saved meanwhile.
#pragma once

#include <cstdint>
#include <string>

#include "scenarios/save_under_load/target.hpp"

namespace vmbsave::bench {

struct LoadSpec {
  std::string name = {};  // such as "pinned/open/engine"
  MakeTarget make = nullptr;
  std::uint32_t channels = 4;
  std::uint32_t packets = 1024;      // most in flight
  std::uint64_t arrivals_per_s = 0;  // open loop; 0: closed, a new packet comes as soon as one is delivered
  std::uint64_t service_ns = 0;      // from a packet's arrival until the VSP completes it
  std::uint64_t gap_ns = 0;          // from the end of a save to the next one's begin
  bool pinned = false;               // the VSP's thread to one processor, the saver's to another
  unsigned save_threads = 1;
  unsigned measured_every =
      1;  // of so many calls of acquire() and complete() one is timed: two readings cost 20 to 50 ns
  std::uint64_t phase_ns = 100'000'000;
  unsigned rounds = 4;  // of a phase without saves and a phase with saves

  // In flight while all goes well.
  std::uint32_t usual_packets() const noexcept {
    const std::uint64_t usual = arrivals_per_s * service_ns / 1'000'000'000;
    return arrivals_per_s == 0 || usual > packets ? packets : static_cast<std::uint32_t>(usual);
  }
};

}  // namespace vmbsave::bench
