#include "gate/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "gate/child.hpp"
#include "gate/processes.hpp"

namespace vmbsave::gate {
namespace {

// The cases of head that base has too.
class Selection {
 public:
  Selection(const Build& base, const Build& head, const AcceptedLines& accepted, const ComparisonOptions& options)
      : base_(cases_in(options.program, base.object, options.suite)),
        head_(cases_in(options.program, head.object, options.suite)),
        options_(options) {
    if (head_.empty()) throw std::invalid_argument(fmt::format("head has no suite '{}'", options.suite));
    const bench::Pattern only(options.only);
    for (const CaseName& gate_case : head_) {
      if (only.finds(gate_case.name)) take(gate_case);
    }
    for (const CaseName& gate_case : base_) {
      if (only.finds(gate_case.name) && !has(head_, gate_case)) miss(gate_case, accepted);
    }
    if (cases.empty()) {
      throw std::invalid_argument(
          fmt::format("nothing to compare: no case of suite '{}'{} is in both sides", options.suite,
                      options.only.empty() ? "" : fmt::format(" that '{}' finds", options.only)));
    }
  }

  std::vector<CaseName> cases;
  std::vector<CaseName> gone;  // nobody accepts that
  std::vector<std::string> notes;

 private:
  static bool has(const std::vector<CaseName>& names, const CaseName& wanted) {
    return std::find(names.begin(), names.end(), wanted) != names.end();
  }

  void take(const CaseName& gate_case) {
    if (!has(base_, gate_case)) {
      notes.push_back(fmt::format("new, so compared with nothing: {}", gate_case.name));
    } else if (options_.signals == Signals::kInstructions && gate_case.threads != 1) {
      notes.push_back(fmt::format("left out, instructions of several threads are not counted: {}", gate_case.name));
    } else if (gate_case.threads > std::thread::hardware_concurrency()) {
      notes.push_back(fmt::format("left out, {} threads have no CPUs here: {}", gate_case.threads, gate_case.name));
    } else {
      cases.push_back(gate_case);
    }
  }

  void miss(const CaseName& gate_case, const AcceptedLines& accepted) {
    if (options_.may_lose_cases) {
      notes.push_back(fmt::format("gone since: {}", gate_case.name));
    } else if (const Allowance allowed = allowance(accepted.accepted, gate_case.name, "gone");
               allowed.shown != nullptr) {
      notes.push_back(fmt::format("gone, as {} accepts: {}", allowed.shown->commit.substr(0, 12), gate_case.name));
    } else {
      gone.push_back(gate_case);
    }
  }

  const std::vector<CaseName> base_;
  const std::vector<CaseName> head_;
  const ComparisonOptions& options_;
};

// Both sides of each case, on as many threads as there are CPUs: a count does not depend on who else is at work.
class Counting {
 public:
  Counting(std::vector<ComparedCase>& cases, const Build& base, const Build& head, const ComparisonOptions& options)
      : cases_(cases),
        base_(base),
        head_(head),
        options_(options),
        instructions_(options.signals != Signals::kTime && can_count_instructions()) {}

  void run() {
    options_.watch("counting", 0, cases_.size());
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
      threads.emplace_back([this] {
        for (std::size_t next = 0; (next = next_.fetch_add(1, std::memory_order_relaxed)) < cases_.size();)
          count_case(next);
      });
    }
    for (std::thread& thread : threads) thread.join();
    throw_if_interrupted();  // a thread of these takes it for a failure of its case
  }

  bool has_valgrind() const noexcept { return instructions_ || options_.signals == Signals::kTime; }

 private:
  void count_case(std::size_t number) {
    Evidence& evidence = cases_[number].evidence;
    try {
      evidence.base = count_side(base_, evidence.gate_case);
      evidence.head = count_side(head_, evidence.gate_case);
      for (int again = 0; again < kMoreFaultCounts && has_more_faults(evidence); ++again) {
        count_page_faults_again(options_of(head_, evidence.gate_case), *evidence.head);
      }
    } catch (const std::exception& failure) {
      evidence.error = failure.what();
    }
    const std::lock_guard lock(mutex_);
    options_.watch("counting", ++done_, cases_.size());
  }

  CountOptions options_of(const Build& side, const CaseName& gate_case) const {
    return {.program = options_.program, .object = side.object, .gate_case = gate_case, .instructions = instructions_};
  }

  static bool has_more_faults(const Evidence& evidence) {
    const auto faults = [](const Counts& counts) {
      const auto found = counts.counters.find(kPageFaults);
      return found == counts.counters.end() ? 0 : found->second;
    };
    return faults(*evidence.head) > faults(*evidence.base);
  }

  Counts count_side(const Build& side, const CaseName& gate_case) const {
    Counts counts = count(options_of(side, gate_case));
    if (!instructions_ && options_.signals != Signals::kTime) counts.why_not = "no valgrind here";
    return counts;
  }

  static constexpr int kMoreFaultCounts = 3;

  std::vector<ComparedCase>& cases_;
  const Build& base_;
  const Build& head_;
  const ComparisonOptions& options_;
  const bool instructions_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::uint64_t done_ = 0;
};

// Only of cases that are worth it: both sides work, and give the same packets.
void add_times(std::vector<ComparedCase>& cases, const Build& base, const Build& head,
               const ComparisonOptions& options) {
  std::vector<CaseName> timed;
  for (const ComparedCase& compared : cases) {
    const Evidence& evidence = compared.evidence;
    if (evidence.error.empty() && evidence.base->digest == evidence.head->digest) timed.push_back(evidence.gate_case);
  }
  Processes processes(options.program, {base.object, head.object}, options.seed);
  TimingOptions timing;
  timing.rule = options.rule;
  timing.deadline = options.deadline;
  timing.pause = options.pause;
  timing.watch = options.watch;
  const std::vector<Timing> timings = measure_times(
      timed, [&](const CaseName& name, bool reversed) { return processes.measure(name, reversed); }, timing);
  for (const Timing& one : timings) {
    for (ComparedCase& compared : cases) {
      if (compared.evidence.gate_case == one.gate_case) compared.evidence.timing = one;
    }
  }
}

}  // namespace

Comparison compare(const Build& base, const Build& head, const AcceptedLines& accepted,
                   const ComparisonOptions& options) {
  Comparison result{base, head, options.rule, options.count_rule, false, {}, accepted.unusable};
  const Selection selection(base, head, accepted, options);
  result.notes.insert(result.notes.end(), selection.notes.begin(), selection.notes.end());
  for (const CaseName& gate_case : selection.cases) result.cases.emplace_back().evidence.gate_case = gate_case;
  result.is_identical = !options.measures_identical && object_bytes(base) == object_bytes(head);
  if (result.is_identical) {
    for (ComparedCase& compared : result.cases) compared.verdict.outcome = Outcome::kPass;
    return result;
  }
  Counting counting(result.cases, base, head, options);
  counting.run();
  if (!counting.has_valgrind()) result.notes.push_back("no valgrind here: instructions were not counted");
  if (options.signals != Signals::kInstructions) add_times(result.cases, base, head, options);
  for (ComparedCase& compared : result.cases) {
    compared.verdict = verdict_on(compared.evidence, options.count_rule, accepted.accepted);
  }
  for (const CaseName& gate_case : selection.gone) {
    ComparedCase& compared = result.cases.emplace_back();
    compared.evidence.gate_case = gate_case;
    compared.verdict.reasons = {"head does not have it any more"};
  }
  return result;
}

}  // namespace vmbsave::gate
