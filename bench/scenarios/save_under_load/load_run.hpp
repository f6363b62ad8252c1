// load_run.hpp: the phases of one row, which take turns: load without saves, load with saves, and an idle loop in the
// VSP's place while the same saves run.
#pragma once

#include <memory>

#include "scenarios/save_under_load/load_result.hpp"
#include "scenarios/save_under_load/load_spec.hpp"
#include "scenarios/save_under_load/load_stamps.hpp"

namespace vmbsave::bench {

class LoadRun {
 public:
  // Throws std::runtime_error in one line: no memory, or too few processors for a pinned row. `executor`: of the saves;
  // nullptr: the saver's thread alone.
  LoadRun(const LoadSpec& spec, Executor* executor);
  ~LoadRun();
  LoadRun(const LoadRun&) = delete;

  // Saves once, with nothing going on: throws CheckFailed unless the image holds what is in flight.
  void check();

  // A phase of each kind. Throws CheckFailed if a save fails, or a packet was not delivered exactly once.
  void round();

  const LoadSpec& spec() const noexcept { return spec_; }
  const LoadResult& result() const noexcept { return result_; }

 private:
  enum class Phase { kWithout, kDuring, kIdle };
  class Running;

  void run(Phase phase);
  void saves(Running& running, Phase phase);
  void note(Running& running, Phase phase);
  void note_timeline(std::uint64_t begin);

  const LoadSpec spec_;
  int vsp_cpu_ = -1;  // pinned rows
  int saver_cpu_ = -1;
  void* traffic_ = nullptr;  // the phase's, for the target's sink
  std::unique_ptr<Target> target_;
  LoadStamps stamps_;
  LoadResult result_;
};

}  // namespace vmbsave::bench
