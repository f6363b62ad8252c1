// gate.hpp: one run of the gate: head against its base, and against the anchor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gate/comparison.hpp"
#include "harness/exit_codes.hpp"

namespace vmbsave::gate {

// Against the anchor: not at all, by what is counted, which takes a minute and is never in doubt, or by times too,
// which take a budget of their own.
enum class Anchor : std::uint8_t { kNone, kCounts, kBoth };

struct GateOptions {
  std::filesystem::path source = ".";  // a folder of the checkout
  std::string base;                    // empty: see choose_base
  std::string head = kWorktree;
  BuildOptions build;  // without a cache: build/gate of the checkout
  ComparisonOptions comparison;
  Anchor anchor = Anchor::kCounts;
  std::chrono::seconds budget{600};  // for measuring; building comes on top
};

struct AgainstOne {
  std::string what;  // "base", "anchor"
  Comparison comparison;
  AcceptedLines accepted;
};

// A comparison that was asked for, and that there is none of.
struct NotMade {
  std::string what;  // "base", "anchor"
  std::string why;
};

struct GateRun {
  std::string started_utc;
  double seconds = 0;  // of measuring against the base
  std::vector<AgainstOne> against;
  std::vector<NotMade> not_made;
  int interrupted_by = 0;  // the signal
  std::vector<std::string> notes;
};

std::string now_utc();  // "2026-01-02T03:04:05Z"

struct Tally {
  std::size_t passed = 0;  // with those that improved, warn or are accepted
  std::size_t failed = 0;
  std::size_t inconclusive = 0;
  std::size_t unmeasured = 0;  // with what was not made
};
Tally tally(const GateRun& run);
int exit_code(const GateRun& run, bool inconclusive_fails);

// $VMBSAVE_GATE_BASE; else where head left origin/main, if that is not head itself; else the newest of head's
// ancestors, by first parents, that has the entry; else the anchor. Never head, and never in a shallow clone, which
// does not know them all. Throws NoBase, with what to do.
std::string choose_base(const Git& git, const std::string& head, bool needs_entry);

// The commit in bench/gate/anchor; absent: there is no such file.
std::optional<std::string> anchor_of(const Git& git);

// Throws NoBase, SideFailed, std::invalid_argument as compare does, std::runtime_error if a side does not build.
GateRun run_gate(const GateOptions& options);

}  // namespace vmbsave::gate
