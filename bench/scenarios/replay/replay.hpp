// replay.hpp: the main job: a trace in virtual time, stopped at an instant, saved many times, checked against the
// trace, restored and checked again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/replay/schedule.hpp"
#include "vmbsave/save.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::replay {

struct Options {
  std::optional<std::uint64_t> service_time_ns;
  std::uint64_t completion_delay_ns = 0;  // that the completion of a transmit is held back
  std::uint32_t channels = 0;             // 0: one for each submitting queue
  Replication replication;
  bool one_cut = false;                     // all VMs in one epoch, their queues dealt to the channels
  std::optional<std::uint64_t> save_at_ns;  // absent: at the peak
  unsigned threads = 1;
  SavePlan plan = SavePlan::kAuto;
  std::uint32_t repeat = 1000;
  std::string image_file;  // empty: none is written
};

// Times in nanoseconds. With several epochs a save is all of them, one after the other.
struct Result {
  std::uint64_t requests = 0;
  std::uint64_t packets_in_use = 0;
  std::uint64_t transmits_in_use = 0;   // frames of the guests; of these,
  std::uint64_t transmits_settled = 0;  // those whose completion is held back
  std::uint64_t receives_in_use = 0;    // frames that the guests have and have not answered
  std::uint32_t channels = 0;
  std::uint32_t epochs = 0;
  std::uint64_t save_at_ns = 0;
  std::uint64_t image_bytes = 0;
  SavePlan plan = SavePlan::kExact;  // that the last save took
  unsigned threads_taken = 1;        // likewise: a small save takes one
  bool checksum = false;
  bool verified = false;
  bool restored = false;
  std::string difference;          // why not, if not
  std::uint64_t cold_save_ns = 0;  // the first save, which maps and faults its arena
  std::uint64_t restore_ns = 0;
  std::vector<std::uint64_t> save_ns;  // one a repetition, warm
  std::vector<std::uint64_t> phase_ns[kSavePhases];
};

// Told which long step runs, and how much of it is done.
using Progress = std::function<void(const char* step, std::uint64_t done, std::uint64_t total)>;

// What the images are written to: one an epoch.
std::vector<std::string> image_files(const Options& options);

// Throws bench::CheckFailed, bench::OutOfResources, bench::DeviceFull, or std::runtime_error for input that cannot be
// replayed; one clear line each.
Result run(const trace::Trace& trace, const VMBS_VSP& vsp, const Options& options, const Progress& progress);

}  // namespace vmbsave::replay
