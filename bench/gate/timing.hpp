// timing.hpp: the first signal: times, measured until the rule knows, or until the looks or the budget are spent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gate/rule.hpp"
#include "gate/side.hpp"
#include "gate/slices.hpp"

namespace vmbsave::gate {

using MeasureProcess = std::function<Slices(const CaseName&, bool reversed)>;

// Where a long run is: of `total` steps, `done` are done.
using Watch = std::function<void(const char* step, std::uint64_t done, std::uint64_t total)>;

struct TimingOptions {
  Rule rule;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::chrono::milliseconds pause{20'000};  // before a fail is measured again, so that a burst of load is over
  std::size_t family = 0;                   // benchmarks that are tested together; 0: those that are given
  Watch watch = [](const char*, std::uint64_t, std::uint64_t) {};
};

struct Timing {
  CaseName gate_case;
  Verdict verdict = Verdict::kInconclusive;
  std::string why;    // of one that is inconclusive, or fails
  std::string error;  // a side failed, or there was no time at all: there is no verdict
  std::size_t look = 0;
  Judgement first;
  Judgement again;    // of the processes that were to confirm a fail; only with those
  Judgement control;  // the copies of memory beside them: the machine's own doing
  std::vector<Slices> processes;
  std::vector<Slices> confirmation;
};

std::vector<Timing> measure_times(const std::vector<CaseName>& cases, const MeasureProcess& measure,
                                  const TimingOptions& options);

}  // namespace vmbsave::gate
