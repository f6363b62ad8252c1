#include "latency/host_suite.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <set>

#include "harness/progress.hpp"
#include "report/percentiles.hpp"
#include "scenarios/host/host_run.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

// Enough saves for a 99th percentile, and enough rounds for a median where each has as many.
unsigned rounds_of(std::uint32_t vms) {
  constexpr std::uint32_t kSaves = 2048;
  constexpr unsigned kFewest = 21;
  return std::max(kSaves / vms, kFewest);
}

void measure(benchmark::State& state, report::HostRow& row, const Workload& workload, Executors& executors,
             bool quiet) {
  Progress progress(quiet);
  HostRun run(row.spec, executors.with_threads(row.spec.threads), workload);
  for ([[maybe_unused]] const auto& iteration : state) {
    for (unsigned round = 0; round <= row.spec.rounds; ++round) {
      progress.show("rounds", round, row.spec.rounds + 1);
      run.round();
    }
    const auto total = report::percentiles(run.result().total_ns).p50;
    state.SetIterationTime(static_cast<double>(total.value_or(0)) * 1e-9);
  }
  row.cold = run.cold();
  row.result = run.result();
}

void show(benchmark::State& state, const HostResult& result) {
  const auto set = [&](const char* name, const auto& value) {
    if (value) state.counters[name] = static_cast<double>(*value);
  };
  const report::Percentiles blackout = report::percentiles(result.blackout_ns);
  set("blackout_p50_ns", blackout.p50);
  set("blackout_p99_ns", blackout.p99);
  set("blackout_max_ns", blackout.max);
  state.counters["resident_bytes"] = static_cast<double>(result.resident_bytes);
}

void run_row(benchmark::State& state, report::HostRow& row, const Workload& workload, Executors& executors,
             bool quiet) {
  try {
    measure(state, row, workload, executors, quiet);
    show(state, row.result);
  } catch (const std::bad_alloc&) {
    row.error = "not enough memory: give fewer VMs with --vms, or fewer --packets";
  } catch (const OutOfResources& error) {
    row.error = fmt::format("{}: give fewer VMs with --vms, or fewer --packets", error.what());
  } catch (const std::exception& error) {
    row.error = error.what();
  }
  if (!row.error.empty()) state.SkipWithError(row.error.c_str());
}

}  // namespace

std::vector<report::HostRow> host_rows(const HostOptions& options, unsigned cpus) {
  std::vector<std::uint32_t> vms = {2, 16, 128, 1024};
  if (options.vms) vms = {*options.vms};
  std::vector<report::HostRow> rows;
  for (const std::uint32_t n : vms) {
    for (const HostOrder order : {HostOrder::kAtOnce, HostOrder::kInTurn}) {
      for (const unsigned threads : std::set<unsigned>{1, std::max(cpus, 1u)}) {
        rows.emplace_back().spec = {.vms = n,
                                    .packets = options.packets,
                                    .order = order,
                                    .threads = threads,
                                    .deadline_ns = options.deadline_ns,
                                    .memory_budget = options.memory_budget,
                                    .rounds = rounds_of(n)};
      }
    }
  }
  return rows;
}

std::string host_failure(const report::HostRow& row) {
  const std::uint64_t late = row.cold.over_deadline + row.result.over_deadline;
  if (!row.error.empty() || late == 0) return row.error;
  return fmt::format("{} of {} blackouts were longer than the deadline of {} ms", late,
                     row.cold.blackout_ns.size() + row.result.blackout_ns.size(),
                     static_cast<double>(row.spec.deadline_ns) / 1e6);
}

void register_host(std::vector<report::HostRow>& rows, const Workload& workload, Executors& executors, bool quiet) {
  for (report::HostRow& row : rows) {
    benchmark::RegisterBenchmark(
        host_name(row.spec).c_str(),
        [&, quiet](benchmark::State& state) { run_row(state, row, workload, executors, quiet); })
        ->UseManualTime()
        ->Iterations(1);
  }
}

}  // namespace vmbsave::bench
