// display.hpp: where the rows are shown while they are measured.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>

#include "latency/options.hpp"

namespace vmbsave::bench {

// nullptr: Google Benchmark's own, on standard output. With --json that is kept free of it; with --quiet none is shown.
std::unique_ptr<benchmark::BenchmarkReporter> make_display(const Options& options);

}  // namespace vmbsave::bench
