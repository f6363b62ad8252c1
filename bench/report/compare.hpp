// compare.hpp: two runs side by side, row by row, each difference as a ratio with an interval.
//
// Two runs come one after the other, on a machine that is another each hour: their times differ although the programs
// do not. So what is judged is the ratio of each sample to what ran beside it in the same run (a plain copy of the same
// bytes, for a save), in B by in A: what the machine did to both alike falls out. Times are shown beside that. A row
// with nothing beside it is judged by its time only as far as that changed by more than any plain copy's did.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/measured_rows.hpp"
#include "report/run_results.hpp"

namespace vmbsave::report {

// What lies within it is called no difference: two processes of one program differ by as much, which the samples of one
// process do not show (engine/DECISIONS.md).
inline constexpr double kCompareMargin = 0.05;

// A row of fewer samples is of too short a moment to say that much of the next process: one of smoke has 20, one of
// quick 50 at least.
inline constexpr std::size_t kCompareSamples = 50;

enum class Difference : std::uint8_t { kNotKnown, kNoneSeen, kFaster, kSlower };
const char* difference_word(Difference difference);

// Of B by A. Not known without an interval.
Difference difference_of(const Median& ratio, double least = 1, double most = 1);

struct ExactDifference {
  std::string name;
  nlohmann::ordered_json a;
  nlohmann::ordered_json b;
};

struct ComparedRow {
  MeasuredRow a;
  MeasuredRow b;
  Median time = {};   // B by A; absent across machines
  Median ratio = {};  // B by A, of the ratios to what ran beside
  Difference difference = Difference::kNotKnown;
  bool is_by_time = false;                  // there was no ratio to judge by
  std::string why = {};                     // why it is not known
  std::vector<ExactDifference> exact = {};  // those that differ
};

struct NotCompared {
  std::string name;
  std::string why;
};

struct ComparedSide {
  std::string name;
  std::string started_utc = {};  // empty: not known
  std::vector<std::string> suites = {};
  nlohmann::ordered_json machine = {};
  nlohmann::ordered_json build = {};
  nlohmann::ordered_json libraries = {};
  std::vector<std::string> allocators = {};
  std::optional<std::uint64_t> engine_commits_since = {};  // see run_age.hpp; not known until its caller says so
};

// Times of plain copies, B by A: the smallest and the largest, and 1 if they do not enclose it.
struct MachineDrift {
  double least = 1;
  double most = 1;
};

struct Comparison {
  ComparedSide a;
  ComparedSide b;
  bool across_machines = false;
  std::vector<ExactDifference> context = {};  // of the machines, builds, libraries and allocators
  std::vector<ComparedRow> rows = {};
  std::vector<std::string> only_a = {};  // names of rows
  std::vector<std::string> only_b = {};
  std::vector<NotCompared> not_compared = {};
  std::optional<MachineDrift> drift = {};  // absent: no plain copy is in both
  std::vector<std::string> notes = {};
};

struct CompareOptions {
  bool across_machines = false;    // compares ratios alone
  std::string only = {};           // a regular expression that finds the names of the rows; empty: all
  bool may_share_nothing = false;  // runs without a row in common are none that can't be compared
};

// Throws std::runtime_error, in one line: damaged, of several machines or commits, of machines or builds that can't be
// compared, or nothing in common.
Comparison compare_runs(const RunResults& a, const RunResults& b, const CompareOptions& options = {});

}  // namespace vmbsave::report
