// live_result.hpp: what a run of the scenario "live" came to. Times are nanoseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/save_under_load/histogram.hpp"

namespace vmbsave::bench {

// What the guest sees in one phase: from before it sends a request until it has read its completion. Only of requests
// that were sent and read in the phase.
struct LivePhase {
  Histogram latency;
  Histogram met_save;              // of these: in flight at a cut, or sent before the save's end
  Histogram apart;                 // of these: the others
  std::uint64_t completed = 0;     // read in the phase
  std::uint64_t sent_earlier = 0;  // of these: in an earlier phase, so that they have no latency
  std::uint64_t ns = 0;            // the phase's length

  void add(const LivePhase& other) {
    latency.add(other.latency);
    met_save.add(other.met_save);
    apart.add(other.apart);
    completed += other.completed;
    sent_earlier += other.sent_earlier;
    ns += other.ns;
  }
  double per_second() const noexcept {
    return ns == 0 ? 0 : static_cast<double>(completed) * 1e9 / static_cast<double>(ns);
  }
};

struct LiveRound {
  LivePhase before;  // the first save
  LivePhase during;  // saves
  LivePhase after;   // the last save
};

// Of each save.
struct LiveSaves {
  std::vector<std::uint64_t> packets;      // in the image
  std::vector<std::uint64_t> image_bytes;  //
  std::vector<std::uint64_t> save_ns;      // from begin until the image is complete
  std::vector<std::uint64_t> blackout_ns;  // from begin until the last deferred completion is delivered
  std::vector<std::uint64_t> deferred;     // completions that waited for the end
  std::vector<std::uint64_t> witness_ns;   // noting for the check what is in flight: part of the two times
};

// Where the threads ran; absent: wherever the system put them.
struct LiveCpus {
  std::optional<int> guest;
  std::optional<int> vsp;
  std::optional<int> saver;
};

struct LiveDiskFacts {
  std::string folder;
  std::optional<std::string> file_system;
  std::optional<std::string> device;  // such as "nvme0n1"; absent where there is none behind the file
  std::optional<bool> rotational;
  std::uint64_t bytes = 0;
  std::uint64_t wanted_bytes = 0;
  bool direct = false;  // O_DIRECT
};

struct LiveResult {
  LiveCpus cpus;
  LiveDiskFacts disk;
  std::vector<LiveRound> rounds;
  LiveSaves saves;
  std::uint64_t sent = 0;           // requests
  std::uint64_t completed = 0;      // each once
  std::uint64_t reads_checked = 0;  // all of them
  std::uint64_t writes = 0;
  std::uint64_t blocks_checked = 0;   // of the disk, at the end: all of them
  std::uint64_t images_checked = 0;   // all of them
  std::uint64_t packets_checked = 0;  // in these: all of them
};

}  // namespace vmbsave::bench
