#include "latency/roofline_suite.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>

#include "report/percentiles.hpp"
#include "scenarios/roofline/copy.hpp"

namespace vmbsave::bench {
namespace {

constexpr unsigned kCopies = 101;

void run_row(benchmark::State& state, report::RooflineRow& row, Executors& executors) {
  row.copy_ns.clear();
  try {
    RooflineCopy copy(row.bytes, executors.with_threads(row.threads), row.streaming);
    (void)copy.run();
    for ([[maybe_unused]] const auto& iteration : state) {
      row.copy_ns.push_back(copy.run());
      state.SetIterationTime(static_cast<double>(row.copy_ns.back()) * 1e-9);
    }
    if (!copy.is_right()) throw std::runtime_error("the copy is not what was copied");
    state.SetBytesProcessed(static_cast<std::int64_t>(row.bytes * row.copy_ns.size()));
  } catch (const std::bad_alloc&) {
    row.error = "not enough memory";
  } catch (const std::exception& error) {
    row.error = error.what();
  }
  if (row.error.empty()) return;
  row.copy_ns.clear();
  state.SkipWithError(row.error.c_str());
}

}  // namespace

std::vector<report::RooflineRow> roofline_rows(const std::string& suite, unsigned cpus) {
  std::vector<std::uint64_t> sizes;
  if (suite == "smoke") sizes = {64u << 10};
  if (suite == "quick" || suite == "full") sizes = {32u << 10, 512u << 10, 4u << 20, 16u << 20, 64u << 20, 256u << 20};
  std::vector<report::RooflineRow> rows;
  for (const std::uint64_t bytes : sizes) {
    for (const bool streaming : {false, true}) {
      for (unsigned threads = 1; threads <= std::min(cpus, 2u); ++threads) {
        report::RooflineRow& row = rows.emplace_back();
        row.name = fmt::format("roofline/bytes:{}{}/threads:{}", bytes, streaming ? "/streaming" : "", threads);
        row.bytes = bytes;
        row.threads = threads;
        row.streaming = streaming;
      }
    }
  }
  return rows;
}

std::vector<report::RooflineRow> measured(const std::vector<report::RooflineRow>& rows) {
  std::vector<report::RooflineRow> measured;
  for (const report::RooflineRow& row : rows) {
    if (!row.copy_ns.empty() || !row.error.empty()) measured.push_back(row);
  }
  return measured;
}

void register_roofline(std::vector<report::RooflineRow>& rows, Executors& executors) {
  for (report::RooflineRow& row : rows) {
    benchmark::RegisterBenchmark(row.name.c_str(),
                                 [&row, &executors](benchmark::State& state) { run_row(state, row, executors); })
        ->UseManualTime()
        ->Iterations(kCopies);
  }
}

}  // namespace vmbsave::bench
