#include "gate/gate.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>

#include "gate/child.hpp"

namespace vmbsave::gate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kAnchor = "bench/gate/anchor";
constexpr std::size_t kMostAncestors = 200;

// Creep is many slowdowns that are each within the margin: what is held against the anchor is their sum.
constexpr Rule kAnchorRule{.margin = 0.05, .target = 0.10, .power = 0.95};
constexpr CountRule kAnchorCountRule{.warn = 0.04, .fail = 0.08};

AgainstOne against(const std::string& what, const Git& git, const Build& base, const Build& head,
                   const ComparisonOptions& options) {
  AcceptedLines accepted = accepted_in(git.messages(base.commit, head.commit));
  Comparison comparison = compare(base, head, accepted, options);
  return {what, std::move(comparison), std::move(accepted)};
}

// As loose as the sum of many steps asks for. Where it can't be compared with, creep would pass unseen: that is no
// pass.
void add_anchor(const GateOptions& options, const Git& git, const Build& base, const Build& head, GateRun& run) {
  const std::optional<std::string> named = anchor_of(git);
  if (!named || options.anchor == Anchor::kNone) return;
  ComparisonOptions loose = options.comparison;
  loose.rule = kAnchorRule;
  loose.count_rule = kAnchorCountRule;
  loose.may_lose_cases = true;
  loose.deadline = Clock::now() + options.budget;
  if (options.anchor == Anchor::kCounts) loose.signals = Signals::kInstructions;
  try {
    const std::string anchor = git.commit(*named);
    if (anchor == base.commit || (anchor == head.commit && head.name != kWorktree)) {
      run.notes.push_back("the anchor is one of the sides: nothing more to compare");
      return;
    }
    options.comparison.watch("building anchor", 0, 1);
    run.against.push_back(against("anchor", git, build_side(git, anchor, options.build), head, loose));
  } catch (const std::exception& failure) {
    throw_if_interrupted();
    run.not_made.push_back({"anchor", fmt::format("{} (--anchor none leaves it out)", failure.what())});
  }
}

}  // namespace

std::string now_utc() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

Tally tally(const GateRun& run) {
  Tally tally;
  tally.unmeasured = run.not_made.size();
  for (const AgainstOne& one : run.against) {
    for (const ComparedCase& compared : one.comparison.cases) {
      switch (compared.verdict.outcome) {
        case Outcome::kFail:
          ++tally.failed;
          break;
        case Outcome::kInconclusive:
          ++tally.inconclusive;
          break;
        case Outcome::kUnmeasured:
          ++tally.unmeasured;
          break;
        default:
          ++tally.passed;
      }
    }
  }
  return tally;
}

int exit_code(const GateRun& run, bool inconclusive_fails) {
  if (run.interrupted_by != 0) return bench::kSignalled + run.interrupted_by;
  const Tally tally = gate::tally(run);
  if (tally.failed != 0) return bench::kFailed;
  if (tally.unmeasured != 0) return bench::kBadInput;
  if (tally.inconclusive != 0) return inconclusive_fails ? bench::kInconclusive : bench::kOk;
  return tally.passed != 0 ? bench::kOk : bench::kBadInput;
}

std::string choose_base(const Git& git, const std::string& head, bool needs_entry) {
  if (const char* const name = std::getenv("VMBSAVE_GATE_BASE"); name != nullptr && *name != '\0') {
    std::string base = git.commit(name);
    if (base == head) throw std::invalid_argument(fmt::format("$VMBSAVE_GATE_BASE, {}, is head itself", name));
    return base;
  }
  if (git.is_shallow()) throw NoBase("the clone is shallow; run git fetch --unshallow");
  if (git.find_commit("origin/main")) {
    const std::optional<std::string> base = git.merge_base("origin/main", head);
    if (base && *base != head) return *base;
  }
  for (const std::string& commit : git.ancestors(head, kMostAncestors)) {
    if (!needs_entry || git.has_file(commit, kEntryFile)) return commit;
  }
  if (const auto anchor = anchor_of(git); anchor && *anchor != head && git.find_commit(*anchor)) return *anchor;
  throw NoBase(fmt::format("no ancestor of {} has the gate's entry; give --base", head.substr(0, 12)));
}

std::optional<std::string> anchor_of(const Git& git) {
  std::ifstream file(git.top() / kAnchor);
  std::string commit;
  if (!(file >> commit)) return std::nullopt;
  return commit;
}

GateRun run_gate(const GateOptions& options) {
  const Git git(options.source);
  GateOptions whole = options;
  // Absolute: what is built with it runs elsewhere.
  whole.build.cache =
      options.build.cache.empty() ? git.top() / "build" / "gate" : std::filesystem::absolute(options.build.cache);
  const std::string head_commit = git.commit(options.head == kWorktree ? "HEAD" : options.head);
  if (whole.base.empty()) whole.base = choose_base(git, head_commit, options.build.command.empty());
  if (options.head != kWorktree && !options.comparison.measures_identical && git.commit(whole.base) == head_commit) {
    throw std::invalid_argument("base and head are one commit: there is nothing to compare");
  }
  GateRun run;
  run.started_utc = now_utc();
  options.comparison.watch("building base", 0, 2);
  const Build base = build_side(git, whole.base, whole.build);
  options.comparison.watch("building head", 1, 2);
  const Build head = build_side(git, whole.head, whole.build);
  const Clock::time_point start = Clock::now();
  whole.comparison.deadline = start + options.budget;
  run.against.push_back(against("base", git, base, head, whole.comparison));
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  add_anchor(whole, git, base, head, run);
  return run;
}

}  // namespace vmbsave::gate
