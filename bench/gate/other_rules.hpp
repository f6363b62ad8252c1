// other_rules.hpp: what others would have said of the same recorded processes. Written after what is published of their
// rules; not their code.
#pragma once

#include <span>
#include <vector>

#include "gate/slices.hpp"

namespace vmbsave::gate {

// Two-sided, by the normal approximation with corrections for ties and continuity; samples of eight or more.
double mann_whitney_p(std::span<const double> a, std::span<const double> b);

// Google Benchmark's compare.py: all of one program's repetitions, then all of the other's; they differ if a
// Mann-Whitney test says so with p < 0.05. Here the repetitions are base's of one process and head's of the next one.
enum class ComparePy { kSame, kSlower, kFaster };
ComparePy compare_py_says(const Slices& base_run, const Slices& head_run);

// DuckDB's regression runner: ten pairs in turns; outside two percent, thirty fresh pairs are to confirm it. The ratio
// is that of the medians. Here a pair is a process.
inline constexpr std::size_t kDuckDbPairs = 10;
inline constexpr std::size_t kDuckDbConfirming = 30;
enum class DuckDb { kSame, kSlower, kFails };           // it shows what is slower by 2 %, and fails from 10 % on
DuckDb duckdb_says(std::span<const Slices> processes);  // as many as both together

}  // namespace vmbsave::gate
