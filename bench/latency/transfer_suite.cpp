#include "latency/transfer_suite.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>

#include "scenarios/save_latency/implementation.hpp"

namespace vmbsave::bench {
namespace {

double ratio(std::uint64_t a, std::uint64_t b) {
  return static_cast<double>(a) / static_cast<double>(std::max<std::uint64_t>(b, 1));
}

Point point_of(const TransferSpec& spec) {
  Point point = spec.point;
  point.packets = spec.packets;
  return point;
}

// One transfer, a copy and a fused save, in turns.
std::uint64_t sample(Transfer& transfer, Implementation& save, report::TransferRow& row) {
  const bool copy_first = row.ns.size() % 2 == 0;
  std::uint64_t copy_ns = copy_first ? transfer.copy() : 0;
  transfer.make_ready();
  const TransferTimes times = transfer.run();
  if (!copy_first) copy_ns = transfer.copy();
  const std::uint64_t save_ns = save.save();
  row.ns.push_back(times.ns);
  if (times.blackout_ns != 0) row.blackout_ns.push_back(times.blackout_ns);
  row.save_ns.push_back(save_ns);
  row.ratio_to_copy.push_back(ratio(times.ns, copy_ns));
  row.ratio_to_save.push_back(ratio(times.ns, save_ns));
  for (const auto& [part, ns] : times.parts) row.parts[part].push_back(ns);
  return times.ns;
}

void measure(benchmark::State& state, const TransferSpec& spec, report::TransferRow& row, Executors& executors) {
  Rig rig(point_of(spec));
  Executor& executor = executors.with_threads(spec.threads);
  const auto transfer = make_transfer(spec.journey, rig, &executor, std::filesystem::temp_directory_path());
  const auto save = make_engine(rig, {.executor = &executor, .plan = SavePlan::kFused, .checksum = true});
  for (int warm_up = 0; warm_up < 2; ++warm_up) {
    transfer->make_ready();
    (void)transfer->run();
    transfer->check();
    (void)transfer->copy();
    (void)save->save();
  }
  row.image_bytes = transfer->image_bytes();
  for ([[maybe_unused]] const auto& iteration : state) {
    state.SetIterationTime(static_cast<double>(sample(*transfer, *save, row)) * 1e-9);
  }
  transfer->make_ready();
  (void)transfer->run();
  transfer->check();
  ++row.repetitions;
  state.SetBytesProcessed(static_cast<std::int64_t>(row.image_bytes) * state.iterations());
}

void run_row(benchmark::State& state, const TransferSpec& spec, report::TransferRow& row, Executors& executors) {
  try {
    measure(state, spec, row, executors);
  } catch (const std::bad_alloc&) {
    row.error = "not enough memory";
  } catch (const std::exception& error) {
    row.error = error.what();
  }
  if (row.error.empty()) return;
  const std::string name = row.name;
  row = {.name = name, .error = row.error, .threads = spec.threads, .packets = spec.packets};
  state.SkipWithError(row.error.c_str());
}

}  // namespace

std::vector<TransferSpec> transfer_specs(const std::string& suite, unsigned cpus, const Point& point) {
  static constexpr Journey kAll[] = {Journey::kToFile, Journey::kToSocket, Journey::kRestore, Journey::kPrepared,
                                     Journey::kVerify};
  const bool smoke = suite == "smoke";
  const bool bar = suite == "bar";  // asks something of restores; each row is repeated
  if (!smoke && !bar && suite != "image" && suite != "full") return {};
  std::vector<TransferSpec> specs;
  for (const Journey journey : kAll) {
    if (bar && journey != Journey::kRestore && journey != Journey::kPrepared) continue;
    for (unsigned threads = 1; threads <= (smoke ? 1 : std::min(cpus, 2u)); ++threads) {
      TransferSpec& spec = specs.emplace_back();
      spec.journey = journey;
      spec.threads = threads;
      spec.point = point;
      if (smoke) spec.packets = 512;
      if (smoke) spec.samples = 21;
      if (bar) spec.samples = 11;
    }
  }
  return specs;
}

std::vector<report::TransferRow> transfer_rows(const std::vector<TransferSpec>& specs) {
  std::vector<report::TransferRow> rows;
  for (const TransferSpec& spec : specs) {
    const std::string name =
        fmt::format("image/{}/{}/threads:{}", journey_name(spec.journey), point_name(point_of(spec)), spec.threads);
    rows.push_back({.name = name, .threads = spec.threads, .packets = spec.packets});
  }
  return rows;
}

void register_transfers(const std::vector<TransferSpec>& specs, std::vector<report::TransferRow>& rows,
                        Executors& executors) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    benchmark::RegisterBenchmark(rows[i].name.c_str(),
                                 [&spec = specs[i], &row = rows[i], &executors](benchmark::State& state) {
                                   run_row(state, spec, row, executors);
                                 })
        ->UseManualTime()
        ->Iterations(specs[i].samples);
  }
}

}  // namespace vmbsave::bench
