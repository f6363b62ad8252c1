#include "latency/run_suite.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "harness/bench_name.hpp"
#include "harness/progress.hpp"
#include "report/intervals.hpp"
#include "report/percentiles.hpp"

namespace vmbsave::bench {
namespace {

template <class T>
void set(benchmark::State& state, const char* name, const std::optional<T>& value) {
  if (value) state.counters[name] = static_cast<double>(*value);
}

// What there are too few samples for is not shown.
void set_counters(benchmark::State& state, const RowSpec& spec, const report::RowSamples& samples) {
  using benchmark::Counter;
  const report::Percentiles save = report::percentiles(samples.save_ns);
  const double packets = spec.point.packets;
  state.counters["packets/s"] = Counter(packets, Counter::kIsIterationInvariantRate);
  if (save.p50) state.counters["ns/packet"] = static_cast<double>(*save.p50) / packets;
  state.counters["image_bytes"] = static_cast<double>(samples.image_bytes);
  set(state, "ratio_to_floor", report::median(samples.ratio_to_floor).p50);
  set(state, "ratio_to_engine", report::median(samples.ratio_to_engine).p50);
  set(state, "times_faster_than_sequential", report::median(samples.times_faster_than_documented_sequential).p50);
  set(state, "p50_ns", save.p50);
  set(state, "p99_ns", save.p99);
  set(state, "max_ns", save.max);
  set(state, "page_faults", report::percentiles(samples.page_faults).p50);
  set(state, "allocator_calls", report::percentiles(samples.allocator_calls).p50);
}

void fail(benchmark::State& state, const RowSpec& spec, RowLog& log, const char* error) {
  log.fail(spec, error);
  state.SkipWithError(error);
}

void run_row(benchmark::State& state, const RowSpec& spec, const MakeContestants& make, RowLog& log) {
  try {
    LatencyRun run(make(spec), static_cast<std::uint64_t>(state.max_iterations), spec.cold, spec.first_touch);
    for ([[maybe_unused]] const auto& iteration : state) {
      state.SetIterationTime(static_cast<double>(run.save()) * 1e-9);
    }
    report::RowSamples samples = run.finish();
    set_counters(state, spec, samples);
    log.add(spec, std::move(samples));
  } catch (const std::bad_alloc&) {
    fail(state, spec, log, "not enough memory");
  } catch (const std::exception& error) {
    fail(state, spec, log, error.what());
  }
}

// How far all rows are, in their repetitions: what the flags leave out is not begun.
struct Begun {
  Begun(bool quiet, std::size_t of) : progress(quiet), most(of) {}

  Progress progress;
  std::size_t rows = 0;
  const std::size_t most;
};

}  // namespace

void register_rows(const std::vector<RowSpec>& rows, bool fixed_saves, const MakeContestants& make, RowLog& log,
                   bool quiet) {
  const auto begun = std::make_shared<Begun>(quiet, rows.size() * log.repetitions());
  for (const RowSpec& spec : rows) {
    auto* const row =
        benchmark::RegisterBenchmark(row_name(spec).c_str(), [spec, begun, &make, &log](benchmark::State& state) {
          begun->progress.show("rows", begun->rows++, begun->most);
          run_row(state, spec, make, log);
          begun->progress.end();  // Google Benchmark prints the row
        });
    row->UseManualTime();
    if (fixed_saves) row->Iterations(spec.saves);
  }
}

std::vector<Outcome> outcomes(const RowLog& log) {
  std::vector<Outcome> outcomes;
  for (const report::BenchRow& row : log.rows()) outcomes.push_back({row.name, row.error});
  return outcomes;
}

int exit_code(bool list_only, std::size_t matched, const std::vector<Outcome>& rows) {
  if (list_only && matched != 0) return 0;
  std::size_t failed = 0;
  for (const Outcome& row : rows) {
    if (row.error.empty()) continue;
    ++failed;
    std::fputs(fmt::format("{}: failed: {}: {}\n", bench_name(), row.name, row.error).c_str(), stderr);
  }
  if (rows.empty()) {
    std::fputs(fmt::format("{}: nothing was measured; see --benchmark_filter and --suite\n", bench_name()).c_str(),
               stderr);
  }
  return failed == 0 && !rows.empty() ? 0 : 1;
}

}  // namespace vmbsave::bench
