#include "latency/live_suite.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>

#include "report/percentiles.hpp"
#include "scenarios/live/live_run.hpp"

namespace vmbsave::bench {
namespace {

void show_live(benchmark::State& state, const LiveResult& result) {
  const auto set = [&](const std::string& name, const auto& value) {
    if (value) state.counters[name] = static_cast<double>(*value);
  };
  LiveRound all;
  for (const LiveRound& round : result.rounds) {
    all.before.add(round.before);
    all.during.add(round.during);
  }
  set("before_p99_ns", all.before.latency.percentile(0.99));
  set("during_p99_ns", all.during.latency.percentile(0.99));
  state.counters["requests/s"] = all.during.per_second();
  state.counters["saves"] = static_cast<double>(result.saves.packets.size());
}

void run_live_benchmark(benchmark::State& state, report::LiveRow& row, LiveDisk& disk, bool quiet) {
  Progress progress(quiet);
  for ([[maybe_unused]] const auto& iteration : state) {
    run_live_row(row, disk, progress.watch("rounds"));
    const auto blackout = report::percentiles(row.result.saves.blackout_ns).p50;
    state.SetIterationTime(static_cast<double>(blackout.value_or(0)) * 1e-9);
  }
  if (!row.skipped.empty()) return state.SkipWithError(("skipped: " + row.skipped).c_str());
  if (!row.error.empty()) return state.SkipWithError(row.error.c_str());
  show_live(state, row.result);
}

}  // namespace

report::LiveRow live_row(const LiveSpec& spec) {
  return {.name = fmt::format("live/channels:{}/depth:{}", spec.channels, spec.depth), .spec = spec};
}

void run_live_row(report::LiveRow& row, LiveDisk& disk, const Watch& watch) {
  row = live_row(row.spec);
  row.spec.disk_bytes = disk.facts().bytes;
  try {
    row.result = LiveRun(row.spec, disk).run(watch);
  } catch (const RingRefused& refused) {
    row.skipped = fmt::format("io_uring is refused here: {}", refused.what());
  } catch (const std::bad_alloc&) {
    row.error = "not enough memory";
  } catch (const std::exception& error) {
    row.error = error.what();
  }
  row.result.disk = disk.facts();
}

void register_live(report::LiveRow& row, LiveDisk* disk, bool& has_run, bool quiet) {
  benchmark::RegisterBenchmark(row.name.c_str(),
                               [&row, disk, &has_run, quiet](benchmark::State& state) {
                                 has_run = true;
                                 run_live_benchmark(state, row, *disk, quiet);
                               })
      ->UseManualTime()
      ->Iterations(1);
}

}  // namespace vmbsave::bench
