#include "gate/gate.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

namespace vmbsave::gate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kAnchor = "bench/gate/anchor";
constexpr std::size_t kMostAncestors = 200;

// Creep is many slowdowns that are each within the margin: what is held against the anchor is their sum.
constexpr Rule kAnchorRule{.margin = 0.05, .target = 0.10, .power = 0.95};
constexpr CountRule kAnchorCountRule{.warn = 0.04, .fail = 0.08};

std::string now_utc() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

AgainstOne against(const std::string& what, const Git& git, const Build& base, const Build& head,
                   const ComparisonOptions& options) {
  AcceptedLines accepted = accepted_in(git.messages(base.commit, head.commit));
  Comparison comparison = compare(base, head, accepted, options);
  return {what, std::move(comparison), std::move(accepted)};
}

// What can't be compared with the anchor is said, and no reason to fail.
void add_anchor(const GateOptions& options, const Git& git, const Build& base, const Build& head,
                const ComparisonOptions& comparison, GateRun& run) {
  const std::optional<std::string> anchor = anchor_of(git);
  if (!anchor) return;
  if (*anchor == base.commit || *anchor == head.commit) {
    run.notes.push_back("the anchor is one of the sides: nothing more to compare");
    return;
  }
  ComparisonOptions loose = comparison;
  loose.rule = kAnchorRule;
  loose.count_rule = kAnchorCountRule;
  try {
    run.against.push_back(against("anchor", git, build_side(git, *anchor, options.build), head, loose));
  } catch (const NoBase& failure) {
    run.notes.push_back(fmt::format("not compared with the anchor: {}", failure.what()));
  }
}

}  // namespace

Tally tally(const GateRun& run) {
  Tally tally;
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

int exit_code(const Tally& tally, bool inconclusive_fails) {
  if (tally.failed != 0) return kExitRegression;
  if (tally.unmeasured != 0) return kExitUnmeasured;
  if (tally.inconclusive != 0) return inconclusive_fails ? kExitInconclusive : kExitPass;
  return tally.passed != 0 ? kExitPass : kExitUnmeasured;
}

std::string choose_base(const Git& git, bool needs_entry) {
  if (const char* const base = std::getenv("VMBSAVE_GATE_BASE"); base != nullptr && *base != '\0') {
    return git.commit(base);
  }
  const std::string head = git.commit("HEAD");
  const auto has_entry = [&](const std::string& commit) { return !needs_entry || git.has_file(commit, kEntryFile); };
  if (git.find_commit("origin/main")) {
    const std::optional<std::string> base = git.merge_base("origin/main", head);
    if (base && *base != head && has_entry(*base)) return *base;
  }
  for (const std::string& commit : git.ancestors(kMostAncestors)) {
    if (has_entry(commit)) return commit;
  }
  if (const auto anchor = anchor_of(git); anchor && *anchor != head && git.find_commit(*anchor)) return *anchor;
  throw NoBase(git.is_shallow() ? "no base: the clone is shallow; run git fetch --unshallow"
                                : "no base: no ancestor of HEAD has the gate's entry; give --base");
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
  if (whole.build.cache.empty()) whole.build.cache = git.top() / "build" / "gate";
  if (whole.base.empty()) whole.base = choose_base(git, options.build.command.empty());
  GateRun run;
  run.started_utc = now_utc();
  options.comparison.watch("building base", 0, 2);
  const Build base = build_side(git, whole.base, whole.build);
  options.comparison.watch("building head", 1, 2);
  const Build head = build_side(git, whole.head, whole.build);
  const Clock::time_point start = Clock::now();
  ComparisonOptions comparison = options.comparison;
  comparison.deadline = start + options.budget;
  run.against.push_back(against("base", git, base, head, comparison));
  if (options.with_anchor) add_anchor(whole, git, base, head, comparison, run);
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return run;
}

}  // namespace vmbsave::gate
