// e2e_migration: virtual machines that are moved from one process to another while their guest goes on, and whose
// source is killed meanwhile. What is written where, what is checked, and why it holds: README.md beside this file.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "e2e/migration/round.hpp"

namespace vmbsave::migration {
namespace {

struct Options {
  std::uint64_t seed = 1;
  std::uint32_t rounds = 10;
  std::string folder;
  bool threads = false;
  bool verbose = false;
  Fault fault = Fault::kNone;
};

// With so many, all kinds of kills come, whatever the seeds.
constexpr std::uint32_t kRoundsThatMeetAll = 100;

// Over all rounds.
struct Sum {
  std::uint64_t rounds = 0;
  std::uint64_t before = 0;  // kills before the cut, from it to the last byte, after that
  std::uint64_t during = 0;
  std::uint64_t after = 0;
  std::uint64_t restored = 0;
  std::uint64_t reset = 0;
  std::uint64_t resumed = 0;
  std::uint64_t outlived = 0;  // resets in which the lock was still held
  std::uint64_t draining = 0;  // saves while draining that held packets
  Outcome all;

  void add(const Outcome& outcome) {
    ++rounds;
    if (outcome.killed) ++(outcome.stage < Stage::kCut ? before : outcome.stage == Stage::kCut ? during : after);
    if (outcome.verdict == Verdict::kRestored) ++restored;
    if (outcome.stage == Stage::kResumed) ++resumed;
    if (outcome.verdict == Verdict::kRefused && outcome.killed) ++reset;
    if (outcome.saved_draining != 0) ++draining;
    if (outcome.outlived) ++outlived;
    all.requests += outcome.requests;
    all.lost += outcome.lost;
    all.doubled += outcome.doubled;
    all.old += outcome.old;
    all.wrong += outcome.wrong;
    all.reissued += outcome.reissued;
    all.saved_draining += outcome.saved_draining;
    all.deferred += outcome.deferred;
    all.sent_again += outcome.sent_again;
    all.deepest = std::max(all.deepest, outcome.deepest);
    all.uring = outcome.uring;
    all.direct = outcome.direct;
  }
};

// What so many rounds meet, and have not: whatever else they show, they do not show that it goes well. Empty: all of
// it.
std::string never_met(const Sum& sum) {
  constexpr std::uint64_t kUnderWay = 300;
  std::string what;
  const auto require = [&what](bool met, const char* kind) {
    if (!met) what += (what.empty() ? "" : ", ") + std::string(kind);
  };
  require(sum.before != 0, "a kill before the cut");
  require(sum.during != 0, "a kill during the save");
  require(sum.after != 0, "a kill after the last byte");
  require(sum.draining != 0, "a save while draining that held packets");
  // A thread's I/O is over before its process is: only what io_uring has taken can outlive it.
  require(sum.outlived != 0 || !sum.all.uring, "I/O that outlived the source");
  require(sum.all.deepest >= kUnderWay, "300 requests under way");
  return what;
}

void print(const Sum& sum) {
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  const std::string text =
      number(sum.rounds) + " rounds, " + number(sum.before + sum.during + sum.after) + " kills (" + number(sum.before) +
      " before the cut, " + number(sum.during) + " during the save, " + number(sum.after) + " after the last byte), " +
      number(sum.all.requests) + " requests, " + number(sum.all.lost) + " lost, " + number(sum.all.doubled) +
      " doubled, " + number(sum.all.old) + " old, " + number(sum.all.wrong) + " wrong; " + number(sum.restored) +
      " restored with " + number(sum.all.reissued) + " requests re-issued, " + number(sum.reset) + " reset with " +
      number(sum.all.sent_again) + " sent again (I/O outlived the source in " + number(sum.outlived) + "), " +
      number(sum.resumed) + " resumed; " + number(sum.draining) + " saves while draining held " +
      number(sum.all.saved_draining) + "; " + number(sum.all.deferred) + " completions deferred; " +
      number(sum.all.deepest) + " under way at most; disk through " +
      (sum.all.uring ? "io_uring" : "threads with preadv and pwritev, not io_uring") +
      (sum.all.direct ? ", O_DIRECT" : ", page cache");
  std::printf("%s\n", text.c_str());
}

void print(const Plan& plan, const Outcome& outcome, std::chrono::steady_clock::duration took) {
  constexpr const char* kVerdicts[] = {"no verdict", "restored", "refused"};
  std::printf("%s: source %s, %s; %s; %llu saved, %llu re-issued, %llu sent again; %lld ms\n", plan.text().c_str(),
              outcome.killed ? "killed" : "not killed", stage_name(outcome.stage),
              kVerdicts[static_cast<unsigned>(outcome.verdict)], static_cast<unsigned long long>(outcome.saved_packets),
              static_cast<unsigned long long>(outcome.reissued), static_cast<unsigned long long>(outcome.sent_again),
              static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

Rounds::Settings settings_of(const Options& options) {
  const std::filesystem::path folder =
      options.folder.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(options.folder);
  return {.disk = folder / ("vmbsave-migration-" + std::to_string(getpid())),
          .uring = !options.threads,
          .fault = options.fault,
          .stall_seconds = options.fault == Fault::kNone ? 10u : 4u};
}

// The round in which a planted fault shows.
Plan plan_of(const Options& options, std::uint64_t seed) {
  Plan plan = draw_plan(seed);
  if (options.fault == Fault::kNone) return plan;
  plan.migrate_after = plan.requests / 10;
  plan.span = 2 << 20;  // small, so that blocks are soon written again
  plan.mode = options.fault == Fault::kDelivers    ? KillMode::kNever
              : options.fault == Fault::kTruncated ? KillMode::kWhileSending
                                                   : KillMode::kLagging;  // there are writes in the image
  plan.amount = 501;
  plan.budget = 16 << 20;  // a whole image is taken
  return plan;
}

// Whether it is this fault that was found out, and not another.
bool is_found_out(Fault fault, const Outcome& outcome) {
  switch (fault) {
    case Fault::kNone:
      return false;
    case Fault::kNoFence:
      return outcome.old + outcome.wrong != 0;
    case Fault::kDelivers:
      return outcome.doubled != 0;
    case Fault::kTruncated:
      return outcome.problem.starts_with("lost");
    case Fault::kNoDrain:
      return outcome.problem == kTakenTooEarly;
  }
  return false;
}

// 0: no round failed; with a planted fault, it was found out.
int run(const Options& options) {
  const Traces traces;
  if (!traces.recorded())
    std::printf("skipped: the recorded trace: no trace in VMBSAVE_TRACES; its place takes %s\n", traces.name().c_str());
  Rounds rounds(traces, settings_of(options));
  Sum sum;
  unsigned failed = 0;
  bool found_out = false;
  for (std::uint32_t i = 0; i < options.rounds; ++i) {
    const Plan plan = plan_of(options, options.seed + i);
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome = rounds.run(plan);
    sum.add(outcome);
    if (options.verbose) print(plan, outcome, std::chrono::steady_clock::now() - start);
    if (outcome.problem.empty()) continue;
    ++failed;
    found_out = found_out || is_found_out(options.fault, outcome);
    std::printf("%s (%s): %s\n", options.fault == Fault::kNone ? "FAILED" : "found out", plan.text().c_str(),
                outcome.problem.c_str());
    if (options.fault != Fault::kNone) break;
    std::printf("  again: --seed %llu --rounds 1\n", static_cast<unsigned long long>(plan.seed));
  }
  if (!options.threads && !sum.all.uring)
    std::printf("skipped: the disk through io_uring: refused, or not built in; threads take its place\n");
  if (options.fault == Fault::kNone && options.rounds >= kRoundsThatMeetAll) {
    if (const std::string what = never_met(sum); !what.empty()) {
      ++failed;
      std::printf("FAILED: never met in %u rounds: %s\n", options.rounds, what.c_str());
    }
  }
  print(sum);
  if (options.fault == Fault::kNone) return failed == 0 ? 0 : 1;
  if (!found_out) std::printf("the planted fault was not found out\n");
  return found_out ? 0 : 1;
}

}  // namespace
}  // namespace vmbsave::migration

int main(int argc, char** argv) {
  using namespace vmbsave::migration;
  Options options;
  CLI::App app("Moves virtual machines between processes and kills the source.");
  app.add_option("--seed", options.seed, "of the first round; the others follow");
  app.add_option("--rounds", options.rounds, "how many")->check(CLI::Range(1u, 1000000u));
  app.add_option("--disk-folder", options.folder, "where the disk file goes; TMPDIR without it");
  app.add_flag("--threads", options.threads, "the disk through threads, not io_uring");
  app.add_flag("--verbose", options.verbose, "a line for each round");
  const std::map<std::string, Fault> faults{{"no_fence", Fault::kNoFence},
                                            {"delivers", Fault::kDelivers},
                                            {"truncated", Fault::kTruncated},
                                            {"no_drain", Fault::kNoDrain}};
  app.add_option("--planted", options.fault, "a fault that must be noticed")
      ->transform(CLI::CheckedTransformer(faults));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "e2e_migration: %s\n", error.what());
    return 1;
  }
}
