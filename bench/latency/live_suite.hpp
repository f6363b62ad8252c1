// live_suite.hpp: the suite `live`: one row, as one benchmark of Google Benchmark.
#pragma once

#include "harness/progress.hpp"
#include "report/live_report.hpp"
#include "scenarios/live/live_disk.hpp"

namespace vmbsave::bench {

inline constexpr const char* kLiveSuite = "live";

// The row that the spec makes, to be measured.
report::LiveRow live_row(const LiveSpec& spec);

// Runs the row; what goes wrong is in its `skipped` and `error`.
void run_live_row(report::LiveRow& row, LiveDisk& disk, const Watch& watch = {});

// All must live until the benchmarks have run. disk: nullptr if the rows are only listed. On a terminal a line shows
// how far the row is, unless `quiet`.
void register_live(report::LiveRow& row, LiveDisk* disk, bool& has_run, bool quiet);

}  // namespace vmbsave::bench
