#include "gate/selftest.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "gate/counts.hpp"
#include "gate/gate.hpp"
#include "gate/processes.hpp"

namespace vmbsave::gate {
namespace {

using Clock = std::chrono::steady_clock;

// The middle of the suite: what most of its cases are near.
constexpr const char* kCase = "save/engine/fused/channels:16/packets:4096/state:32-272/threads:1";
constexpr const char* kSlowdown = "VMBS_GATE_SLOWDOWN_PERCENT=5";  // the target's default
constexpr std::uint64_t kDraws = 2000;
constexpr std::size_t kPerRound = 21;  // trials that take turns, as the cases of a suite do

struct Plan {
  Kind kind;
  std::size_t trials;
  std::size_t allowed;
};

// 0 of 299: fails where nothing is slower are at most 1 % with 95 % confidence; 2 of 124: misses at most 5 %.
constexpr Plan kLong[] = {{Kind::kSame, 299, 0},
                          {Kind::kSlower, 124, 2},
                          {Kind::kFaster, 60, 0},
                          {Kind::kLayout, 20, 0},
                          {Kind::kLoad, 20, 0}};
constexpr Plan kFast[] = {{Kind::kSame, 12, 0}, {Kind::kSlower, 12, 0}};

std::span<const Plan> plan_of(bool is_long) {
  return is_long ? std::span<const Plan>(kLong) : std::span<const Plan>(kFast);
}

struct Variant {
  const char* name;
  BuildOptions build;
};

// Other places for the same code: behind dead code of several lengths, aligned otherwise, linked in another order.
std::vector<Variant> layouts() {
  std::vector<Variant> variants;
  const auto add = [&](const char* name, std::vector<std::string> definitions, std::vector<std::string> flags,
                       std::vector<std::string> link_flags) {
    BuildOptions build;
    build.definitions = std::move(definitions);
    build.flags = std::move(flags);
    build.link_flags = std::move(link_flags);
    variants.push_back({name, build});
  };
  add("behind 1 dead byte", {"VMBS_GATE_DEAD_BYTES=1"}, {}, {});
  add("behind 33 dead bytes", {"VMBS_GATE_DEAD_BYTES=33"}, {}, {});
  add("behind 1000 dead bytes", {"VMBS_GATE_DEAD_BYTES=1000"}, {}, {});
  add("functions on 64 bytes", {}, {"-falign-functions=64"}, {});
  add("linked by name", {}, {"-ffunction-sections"}, {"-Wl,--sort-section=name"});
  return variants;
}

// The objects that trials are made of.
class Objects {
 public:
  Objects(const Git& git, const SelftestOptions& options) {
    BuildOptions plain;
    plain.cache = options.cache.empty() ? git.top() / "build" / "gate" : std::filesystem::absolute(options.cache);
    std::vector<Variant> variants = options.is_long ? layouts() : std::vector<Variant>();
    const std::uint64_t builds = variants.size() + 2;
    const auto build = [&](BuildOptions more, std::uint64_t number) {
      options.watch("building", number, builds);
      more.cache = plain.cache;
      return build_side(git, kWorktree, more);
    };
    plain_ = build(plain, 0);
    BuildOptions slowed;
    slowed.definitions = {kSlowdown};
    slowed_ = build(slowed, 1);
    for (const Variant& variant : variants)
      layouts_.emplace_back(variant.name, build(variant.build, 2 + layouts_.size()));
  }

  const std::string& commit() const noexcept { return plain_.commit; }
  const std::filesystem::path& plain() const noexcept { return plain_.object; }

  Sides sides(const Trial& trial) const {
    if (trial.kind == Kind::kSlower) return {plain_.object, slowed_.object};
    if (trial.kind == Kind::kFaster) return {slowed_.object, plain_.object};
    for (const auto& [name, build] : layouts_) {
      if (name == trial.variant) return {plain_.object, build.object};
    }
    return {plain_.object, plain_.object};
  }

  const std::string& layout(std::size_t number) const { return layouts_[number % layouts_.size()].first; }

 private:
  Build plain_;
  Build slowed_;
  std::vector<std::pair<std::string, Build>> layouts_;
};

std::vector<Trial> planned(bool is_long, const Objects& objects, std::mt19937_64& random) {
  std::vector<Trial> trials;
  for (const Plan& plan : plan_of(is_long)) {
    for (std::size_t i = 0; i < plan.trials; ++i) {
      trials.push_back({plan.kind, plan.kind == Kind::kLayout ? objects.layout(i) : "", {}});
    }
  }
  std::shuffle(trials.begin(), trials.end(), random);
  return trials;
}

// Trials in turns, as a suite's cases are: each has a name of its own, so that its processes are told apart.
void run_together(std::span<Trial> trials, const Objects& objects, const Selftest& selftest,
                  const SelftestOptions& options, std::mt19937_64& random) {
  std::vector<CaseName> names;
  std::map<std::string, std::pair<const Trial*, Processes>> processes;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    names.push_back({std::to_string(i), 1});
    processes.try_emplace(names.back().name, &trials[i],
                          Processes(options.program, objects.sides(trials[i]), random()));
  }
  const MeasureProcess measure = [&](const CaseName& name, bool reversed) {
    auto& [trial, its] = processes.at(name.name);
    return its.measure({kCase, 1}, reversed, trial->kind == Kind::kLoad ? LoadedSide::kHead : LoadedSide::kNone);
  };
  TimingOptions timing;
  timing.family = selftest.family;
  if (!options.is_long) timing.pause = std::chrono::milliseconds(0);
  std::vector<Timing> timings = measure_times(names, measure, timing);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i].timing = std::move(timings[i]);
    if (!trials[i].timing.error.empty()) throw SideFailed(trials[i].timing.error);
  }
}

}  // namespace

const char* kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::kSame:
      return "same";
    case Kind::kSlower:
      return "slower";
    case Kind::kFaster:
      return "faster";
    case Kind::kLayout:
      return "layout";
    case Kind::kLoad:
      return "load";
  }
  return "?";
}

Selftest run_selftest(const SelftestOptions& options) {
  const Clock::time_point start = Clock::now();
  const Git git(options.source);
  const Objects objects(git, options);
  std::mt19937_64 random(options.seed);
  Selftest selftest;
  selftest.started_utc = now_utc();
  selftest.commit = objects.commit();
  selftest.case_name = kCase;
  selftest.family = cases_in(options.program, objects.plain(), "ci").size();
  selftest.can_fail_at_last = can_fail(selftest.family, kLooks.size() - 1);
  for (const Family family : kFamilies) {
    for (std::size_t look = 0; look < kLooks.size(); ++look) {
      selftest.coverage.push_back({family, look, coverage(family, look, kDraws, options.seed)});
    }
  }
  selftest.trials = planned(options.is_long, objects, random);
  for (std::size_t at = 0; at < selftest.trials.size(); at += kPerRound) {
    options.watch("trials", at, selftest.trials.size());
    const std::size_t count = std::min(kPerRound, selftest.trials.size() - at);
    run_together(std::span(selftest.trials).subspan(at, count), objects, selftest, options, random);
  }
  selftest.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return selftest;
}

std::vector<KindTally> tally(const Selftest& selftest) {
  std::map<Kind, KindTally> kinds;
  for (const Trial& trial : selftest.trials) {
    KindTally& kind = kinds[trial.kind];
    kind.kind = trial.kind;
    ++kind.trials;
    const Verdict verdict = trial.timing.verdict;
    const bool passes = verdict == Verdict::kPass || verdict == Verdict::kImproved;
    kind.passed += passes ? 1 : 0;
    kind.failed += verdict == Verdict::kFail ? 1 : 0;
    kind.inconclusive += verdict == Verdict::kInconclusive ? 1 : 0;
    kind.wrong += (trial.kind == Kind::kSlower ? passes : verdict == Verdict::kFail) ? 1 : 0;
  }
  std::vector<KindTally> result;
  for (auto& [kind, counts] : kinds) {
    for (const Plan& plan : kLong) {
      if (plan.kind == kind && counts.trials == plan.trials) counts.allowed = plan.allowed;
    }
    result.push_back(counts);
  }
  return result;
}

int exit_code(const Selftest& selftest) {
  bool holds = selftest.can_fail_at_last;
  for (const CoverageResult& one : selftest.coverage) holds = holds && one.coverage.holds();
  bool is_noisy = false;
  for (const KindTally& kind : tally(selftest)) {
    holds = holds && kind.holds();
    // Under a load it is the right answer.
    if (kind.kind != Kind::kLoad && kind.inconclusive * 10 > kind.trials) is_noisy = true;
  }
  if (!holds) return bench::kSelftestFailed;
  return is_noisy ? bench::kInconclusive : bench::kOk;
}

}  // namespace vmbsave::gate
