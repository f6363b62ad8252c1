// scaling.hpp: what more threads are worth: speed-up, efficiency, Karp-Flatt, and the scalability law where it can be
// told.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmbsave::report {

// The universal scalability law: with n threads a save takes (1 + contention (n - 1) + coherence n (n - 1)) / n of
// what it takes with one.
struct ScalabilityLaw {
  double contention = 0;
  double coherence = 0;
};

// The law has two unknowns: with fewer than four numbers of threads it would fit whatever was measured.
inline constexpr std::size_t kFewestThreadCounts = 4;

// By least squares, from (threads, speed-up); one of them with a thread count of 1, no two alike. At least
// kFewestThreadCounts of them.
ScalabilityLaw fit_scalability(const std::vector<std::pair<unsigned, double>>& speed_ups);

// What so many threads are worth beside one, by the medians. low and high: from the two medians' intervals.
struct SpeedUp {
  unsigned threads;
  double times;
  std::optional<double> low;
  std::optional<double> high;
};

// In order of threads, from two on; of rows that differ in nothing but these. Empty: there is none to compare.
std::vector<SpeedUp> speed_ups(const std::vector<const nlohmann::ordered_json*>& rows);

// Of the rows of bench_json that differ in nothing but the number of threads: a line each. Empty without such rows.
std::string scaling_table(const nlohmann::ordered_json& rows);

}  // namespace vmbsave::report
