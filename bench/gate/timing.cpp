#include "gate/timing.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kConfirming = 40;      // processes
constexpr double kConfirmingAlpha = 0.0025;  // of one benchmark: it was chosen before
// A machine that treats the sides differently by so much has no say about the target.
constexpr double kControlMargin = 0.01;

std::vector<double> ratios_of(const std::vector<Slices>& processes, double (*ratio)(const Slices&)) {
  std::vector<double> values;
  for (const Slices& slices : processes) values.push_back(ratio(slices));
  return values;
}

bool is_uneven(const std::vector<double>& control) {
  return report::p_above(control, std::log1p(kControlMargin)) <= kConfirmingAlpha ||
         report::p_below(control, -std::log1p(kControlMargin)) <= kConfirmingAlpha;
}

class Run {
 public:
  Run(const std::vector<CaseName>& cases, const MeasureProcess& measure, const TimingOptions& options)
      : measure_(measure), options_(options), family_(options.family == 0 ? cases.size() : options.family) {
    for (const CaseName& gate_case : cases) timings_.emplace_back().gate_case = gate_case;
    for (Timing& timing : timings_) open_.push_back(&timing);
  }

  std::vector<Timing> finish() {
    for (std::size_t look = 0; look < kLooks.size() && !open_.empty(); ++look) {
      if (!measure_until(open_, &Timing::processes, kLooks[look].processes, false, "measuring")) {
        give_up();
        break;
      }
      judge_open(look);
    }
    confirm();
    return std::move(timings_);
  }

 private:
  using Processes = std::vector<Slices> Timing::*;

  // One process of each in turns: a burst of load meets them all. false: the time was over first.
  bool measure_until(std::vector<Timing*> timings, Processes processes, std::size_t count, bool reversed,
                     const char* step) {
    const std::size_t before = timings.empty() ? 0 : (timings[0]->*processes).size();
    const std::size_t total = timings.size() * (count - before);
    std::size_t done = 0;
    for (std::size_t number = before; number < count; ++number) {
      for (Timing* const timing : timings) {
        if (Clock::now() >= options_.deadline) return false;
        options_.watch(step, done++, total);
        if (timing->error.empty()) measure_one(*timing, processes, reversed);
      }
    }
    std::erase_if(open_, [](const Timing* timing) { return !timing->error.empty(); });
    return true;
  }

  void measure_one(Timing& timing, Processes processes, bool reversed) {
    try {
      (timing.*processes).push_back(measure_(timing.gate_case, reversed));
    } catch (const SideFailed& failure) {
      timing.error = failure.what();
    }
  }

  void judge_open(std::size_t look) {
    std::vector<std::vector<double>> values;
    for (const Timing* const timing : open_) values.push_back(ratios_of(timing->processes, log_ratio));
    const std::vector<Judgement> judgements = judge(values, options_.rule, look, family_);
    std::vector<Timing*> still_open;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      Timing& timing = *open_[i];
      timing.look = look;
      timing.first = judgements[i];
      timing.verdict = judgements[i].verdict;
      look_at_control(timing, look);
      if (timing.verdict == Verdict::kMore) still_open.push_back(&timing);
      if (timing.verdict == Verdict::kInconclusive && timing.why.empty()) {
        timing.why = "the last look did not know either";
      }
    }
    open_ = std::move(still_open);
  }

  // By itself alone.
  Judgement judge_one(const std::vector<double>& values, std::size_t look) const {
    return judge(std::span(&values, 1), options_.rule, look)[0];
  }

  void give_up() {
    for (Timing* const timing : open_) {
      timing->verdict = Verdict::kInconclusive;
      timing->why = "the budget was spent before it was known";
      if (timing->processes.size() < kLooks[0].processes) timing->error = "the budget was spent before the first look";
    }
  }

  // A verdict of a machine that was not even-handed is none.
  void look_at_control(Timing& timing, std::size_t look) {
    const std::vector<double> control = ratios_of(timing.processes, control_log_ratio);
    timing.control = judge_one(control, look);
    if (!is_uneven(control)) return;
    if (look + 1 < kLooks.size()) {
      timing.verdict = Verdict::kMore;
    } else {
      timing.verdict = Verdict::kInconclusive;
      timing.why = "the machine did not treat both sides alike: so says the control";
    }
  }

  // By other processes, later, bound the other way round. Both must fail.
  void confirm() {
    std::vector<Timing*> failed;
    for (Timing& timing : timings_) {
      if (timing.error.empty() && timing.verdict == Verdict::kFail) failed.push_back(&timing);
    }
    if (failed.empty()) return;
    const bool has_time = Clock::now() + options_.pause < options_.deadline;
    if (has_time) std::this_thread::sleep_for(options_.pause);
    const bool finished =
        has_time && measure_until(failed, &Timing::confirmation, kConfirming, true, "measuring again what failed");
    for (Timing* const timing : failed) {
      if (timing->error.empty()) judge_confirmation(*timing, finished);
    }
  }

  void judge_confirmation(Timing& timing, bool finished) const {
    const auto inconclusive = [&](const char* why) {
      timing.verdict = Verdict::kInconclusive;
      timing.why = why;
    };
    if (!finished) return inconclusive("it failed, and the budget was spent before a second measurement");
    const std::vector<double> values = ratios_of(timing.confirmation, log_ratio);
    timing.again = judge_one(values, 1);
    if (is_uneven(ratios_of(timing.confirmation, control_log_ratio))) {
      return inconclusive("it failed; in the second measurement the machine did not treat both sides alike");
    }
    if (report::p_above(values, std::log1p(options_.rule.margin)) > kConfirmingAlpha) {
      return inconclusive("it failed, and a second measurement did not confirm it");
    }
    timing.why = "confirmed by processes of its own";
  }

  const MeasureProcess& measure_;
  const TimingOptions& options_;
  const std::size_t family_;
  std::vector<Timing> timings_;
  std::vector<Timing*> open_;
};

}  // namespace

std::vector<Timing> measure_times(const std::vector<CaseName>& cases, const MeasureProcess& measure,
                                  const TimingOptions& options) {
  return Run(cases, measure, options).finish();
}

}  // namespace vmbsave::gate
