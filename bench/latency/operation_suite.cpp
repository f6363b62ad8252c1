#include "latency/operation_suite.hpp"

#include <benchmark/benchmark.h>

#include <exception>
#include <new>
#include <stdexcept>

#include "scenarios/operations/acquire_complete.hpp"

namespace vmbsave::bench {
namespace {

constexpr unsigned kSamples = 101;
constexpr std::uint32_t kPackets = 10'000;  // a sample

void run_row(benchmark::State& state, report::OperationRow& row) {
  try {
    AcquireComplete operations;
    (void)operations.run(kPackets);
    for ([[maybe_unused]] const auto& iteration : state) {
      const auto ns = static_cast<double>(operations.run(kPackets));
      row.ns.push_back(ns / kPackets);
      state.SetIterationTime(ns * 1e-9);
    }
    if (!operations.is_right()) throw std::runtime_error("a packet was not delivered as it was completed");
  } catch (const std::bad_alloc&) {
    row.error = "not enough memory";
  } catch (const std::exception& error) {
    row.error = error.what();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(kPackets * state.iterations()));
  if (row.error.empty()) return;
  row.ns.clear();
  state.SkipWithError(row.error.c_str());
}

}  // namespace

std::vector<report::OperationRow> operation_rows(const std::string& suite) {
  if (suite != "smoke" && suite != "bar") return {};
  return {{.name = "operations/acquire_and_complete/threads:1", .operations = kPackets}};
}

void register_operations(std::vector<report::OperationRow>& rows) {
  for (report::OperationRow& row : rows) {
    benchmark::RegisterBenchmark(row.name.c_str(), [&row](benchmark::State& state) { run_row(state, row); })
        ->UseManualTime()
        ->Iterations(kSamples);
  }
}

}  // namespace vmbsave::bench
