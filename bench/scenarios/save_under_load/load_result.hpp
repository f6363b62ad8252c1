// load_result.hpp: what the rounds of a row came to. Times are nanoseconds.
#pragma once

#include <cstdint>
#include <vector>

#include "scenarios/save_under_load/histogram.hpp"
#include "scenarios/save_under_load/save_timeline.hpp"

namespace vmbsave::bench {

// What the guest and the VSP's thread see of one kind of phase.
struct LoadTimes {
  Histogram complete;              // calls of complete(); with saves: those that overlap one
  Histogram acquire;               // calls of acquire(), refused ones too; likewise
  Histogram arrival;               // open loop: from the intended arrival until the packet is in use
  Histogram delivery;              // from the intended completion (closed loop: the call) until the guest sees it
  std::vector<double> per_second;  // packets delivered, one value a phase

  void add(const LoadTimes& other) {
    complete.add(other.complete);
    acquire.add(other.acquire);
    arrival.add(other.arrival);
    delivery.add(other.delivery);
    per_second.insert(per_second.end(), other.per_second.begin(), other.per_second.end());
  }
};

struct LoadResult {
  LoadTimes without;                       // saves
  LoadTimes during;                        // saves
  SaveTimeline timeline;                   // of the phases with saves
  Histogram idle;                          // gaps of an idle loop in the VSP's place, those that overlap a save
  std::vector<std::uint64_t> blackout_ns;  // of each save
  std::vector<double> round_blackout_ns;   // the median of each round's
  std::uint64_t saved_packets = 0;         // over all saves
  std::uint64_t deferred = 0;              // completions that waited for the end of a save, and were delivered then
  std::uint64_t refused = 0;               // calls of acquire
  std::uint64_t issued = 0;                // packets
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t delivered_twice = 0;
};

}  // namespace vmbsave::bench
