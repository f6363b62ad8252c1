// live_run.hpp: a run of the scenario "live": guests that read and write a disk, and saves of their VM meanwhile.
#pragma once

#include <vector>

#include "harness/progress.hpp"
#include "scenarios/live/image_check.hpp"
#include "scenarios/live/live_disk.hpp"
#include "scenarios/live/live_guest.hpp"
#include "scenarios/live/live_host.hpp"
#include "scenarios/live/live_result.hpp"
#include "scenarios/live/live_spec.hpp"

namespace vmbsave::bench {

class LiveRun {
 public:
  // spec.disk_bytes: of the disk.
  LiveRun(const LiveSpec& spec, LiveDisk& disk);

  // Once; `watch` is told of its rounds. Throws RingRefused where there is no io_uring; CheckFailed if a save fails, an
  // image does not hold what was in flight, a request is not completed exactly once, or a block does not hold its last
  // write; else std::runtime_error in one line.
  LiveResult run(const Watch& watch = {});

 private:
  class Threads;

  void round(LiveGuest& guest, LiveHost& host, SaveFlag& saving);
  void phase(LivePhase& phase, LiveGuest& guest) const;
  void saves(LiveGuest& guest, LiveHost& host, SaveFlag& saving);
  LiveSave save(LiveHost& host, SaveFlag& saving);
  void wait(std::uint64_t until_ns) const;
  bool has_seen_enough(const LiveGuest& guest, std::uint64_t before) const;
  void check(const std::vector<LiveSave>& saves);
  void account(const LiveGuest& guest, const LiveHost& host);

  const LiveSpec spec_;
  const LiveRequests requests_;
  LiveDisk& disk_;
  FirstFault fault_;
  LiveResult result_;
};

}  // namespace vmbsave::bench
