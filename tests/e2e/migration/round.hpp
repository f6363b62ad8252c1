// round.hpp: one migration, from a new disk to the last completion and the look at what is on the disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "e2e/migration/guest.hpp"
#include "e2e/migration/kill.hpp"
#include "e2e/migration/roles.hpp"
#include "e2e/migration/shared.hpp"
#include "e2e/migration/workload.hpp"

namespace vmbsave::migration {

struct Outcome {
  std::string problem;  // empty: everything is as it must be
  std::uint64_t requests = 0;
  std::uint64_t lost = 0;  // never completed
  std::uint64_t doubled = 0;
  std::uint64_t old = 0;
  std::uint64_t wrong = 0;
  bool killed = false;
  Stage stage = Stage::kServing;  // that the source had reached at its end
  Verdict verdict = Verdict::kNone;
  std::uint64_t saved_packets = 0;
  std::uint64_t reissued = 0;
  std::uint64_t saved_draining = 0;
  std::uint64_t deferred = 0;
  std::uint64_t sent_again = 0;
  std::uint64_t deepest = 0;  // requests under way at once
  bool uring = false;
  bool direct = false;
  bool outlived = false;  // I/O of the source went on after its death
};

class Rounds {
 public:
  struct Settings {
    std::string disk;
    bool uring = true;
    Fault fault = Fault::kNone;
    unsigned stall_seconds = 10;  // without a completion: the rest counts as lost
  };

  Rounds(const Traces& traces, Settings settings);
  ~Rounds();  // removes the disk

  // Compares with a run of the same requests without a migration, which comes first if there was none yet.
  Outcome run(const Plan& plan);

 private:
  using Disk = std::vector<Generation>;

  Outcome migrate(const Plan& plan, const std::vector<GuestRequest>& requests, bool migrates, Disk& disk);
  void make_disk() const;
  Disk read_disk(Guest& guest) const;
  const Disk& reference(const Plan& plan, const std::vector<GuestRequest>& requests);

  const Traces& traces_;
  const Settings settings_;
  std::unique_ptr<Shared, Unmap> shared_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Disk> references_;  // by first request and span
};

}  // namespace vmbsave::migration
