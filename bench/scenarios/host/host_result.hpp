// host_result.hpp: what the rounds of a row came to.
#pragma once

#include <cstdint>
#include <vector>

namespace vmbsave::bench {

struct HostResult {
  std::vector<std::uint64_t> blackout_ns;        // of each VM in each round: from its cut until its end has delivered
  std::vector<std::uint64_t> round_blackout_ns;  // the longest of each round
  std::vector<std::uint64_t> total_ns;           // of each round: from the first cut to the last end
  std::uint64_t packets = 0;                     // in use, in all VMs
  std::uint64_t channels = 0;
  unsigned threads_taken = 1;         // at once: that saved VMs; in turn: the most that took part in one save
  std::uint64_t image_bytes = 0;      // of all VMs; 0: in the last round some had none
  std::uint64_t images_verified = 0;  // compared with the packets, over all rounds
  std::uint64_t over_deadline = 0;    // saves whose blackout was longer, or that the deadline ended
  std::uint64_t resident_bytes = 0;   // of the process, at most, looked at after each VM was made and each round
};

}  // namespace vmbsave::bench
