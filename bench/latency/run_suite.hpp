// run_suite.hpp: rows as benchmarks of Google Benchmark.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "latency/latency_run.hpp"
#include "latency/row_log.hpp"
#include "latency/row_spec.hpp"

namespace vmbsave::bench {

// Makes what a row runs. Throws std::runtime_error in one line if that cannot be.
using MakeContestants = std::function<Contestants(const RowSpec& spec)>;

// Registers each row under its name. With `fixed_saves` a row runs as often as it says, else Google Benchmark decides.
// What was passed must live until the benchmarks have run. On a terminal a line shows how far they are, unless `quiet`.
void register_rows(const std::vector<RowSpec>& rows, bool fixed_saves, const MakeContestants& make, RowLog& log,
                   bool quiet = false);

// A row's name, and why it failed; empty: it did not.
struct Outcome {
  std::string name;
  std::string error;
};

// Names each failed row on standard error, and gives the exit code: 0, or 1 if one failed or nothing was measured or
// listed.
int exit_code(bool list_only, std::size_t matched, const std::vector<Outcome>& rows);

// What the rows came to, for exit_code.
std::vector<Outcome> outcomes(const RowLog& log);

}  // namespace vmbsave::bench
