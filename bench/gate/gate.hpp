// gate.hpp: one run of the gate: head against its base, and against the anchor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gate/comparison.hpp"

namespace vmbsave::gate {

struct GateOptions {
  std::filesystem::path source = ".";  // a folder of the checkout
  std::string base;                    // empty: see choose_base
  std::string head = kWorktree;
  BuildOptions build;  // without a cache: build/gate of the checkout
  ComparisonOptions comparison;
  bool with_anchor = true;
  std::chrono::seconds budget{600};  // for measuring; building comes on top
};

struct AgainstOne {
  std::string what;  // "base", "anchor"
  Comparison comparison;
  AcceptedLines accepted;
};

struct GateRun {
  std::string started_utc;
  double seconds = 0;  // of measuring
  std::vector<AgainstOne> against;
  std::vector<std::string> notes;
};

// Exit codes of the gate.
inline constexpr int kExitPass = 0;
inline constexpr int kExitRegression = 1;
inline constexpr int kExitUnmeasured = 2;
inline constexpr int kExitInconclusive = 3;
inline constexpr int kExitSelftest = 4;

struct Tally {
  std::size_t passed = 0;  // with those that improved, warn or are accepted
  std::size_t failed = 0;
  std::size_t inconclusive = 0;
  std::size_t unmeasured = 0;
};
Tally tally(const GateRun& run);
int exit_code(const Tally& tally, bool inconclusive_fails);

// $VMBSAVE_GATE_BASE; else where HEAD left origin/main, if that is not HEAD itself; else the newest of HEAD's
// ancestors, by first parents, that has the entry; else the anchor. Never HEAD. Throws NoBase, with what to do.
std::string choose_base(const Git& git, bool needs_entry);

// The commit in bench/gate/anchor; absent: there is no such file.
std::optional<std::string> anchor_of(const Git& git);

// Throws NoBase, SideFailed, std::invalid_argument as compare does, std::runtime_error if a side does not build.
GateRun run_gate(const GateOptions& options);

}  // namespace vmbsave::gate
