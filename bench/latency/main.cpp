// vmbsave-bench: save latency at scale. `vmbsave-bench --help` lists its flags.
#include <benchmark/benchmark.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "harness/bench_name.hpp"
#include "harness/executors.hpp"
#include "harness/exit_codes.hpp"
#include "harness/interrupts.hpp"
#include "harness/one_line.hpp"
#include "harness/output_files.hpp"
#include "harness/standard_streams.hpp"
#include "harness/whole_file.hpp"
#include "latency/display.hpp"
#include "latency/file_reporter.hpp"
#include "latency/host_suite.hpp"
#include "latency/library_build.hpp"
#include "latency/live_suite.hpp"
#include "latency/load_suite.hpp"
#include "latency/operation_suite.hpp"
#include "latency/options.hpp"
#include "latency/roofline_suite.hpp"
#include "latency/run_suite.hpp"
#include "latency/stage.hpp"
#include "latency/suites.hpp"
#include "latency/transfer_suite.hpp"
#include "latency/vsp_rows.hpp"
#include "report/bench_report.hpp"
#include "report/build_info.hpp"
#include "report/machine.hpp"
#include "scenarios/live/live_vsp.hpp"
#include "scenarios/save_under_load/ticks.hpp"
#include "vsp/exit_guard.hpp"
#include "vsp/plugin.hpp"

namespace {

using namespace vmbsave;
using Json = nlohmann::ordered_json;

int refuse(const std::string& what) {
  const std::string line = bench::one_line(bench::with_advice(what, bench::bench_name()));
  std::fputs(fmt::format("{}: {}\n", bench::bench_name(), line).c_str(), stderr);
  return bench::kBadInput;
}

int flushed(int code) {
  const std::string lost = bench::lost_output();
  if (lost.empty()) return code;
  const int refused = refuse(lost);
  return code == bench::kOk ? refused : code;
}

Json context() {
  Json json;
  const std::string build = bench::library_build_type();
  report::add_context(json, build);
  json["libraries"]["google_benchmark"] = VMBSAVE_GOOGLE_BENCHMARK;
  json["libraries"]["google_benchmark_build"] = build;
  return json;
}

// "doctor.load": "ok 0.10 on 2 CPUs".
void show_doctor(const Json& doctor) {
  for (const Json& finding : doctor.at("findings")) {
    benchmark::AddCustomContext(
        fmt::format("doctor.{}", finding.at("name").get<std::string>()),
        fmt::format("{} {}", finding.at("level").get<std::string>(), finding.at("found").get<std::string>()));
  }
}

// "machine.cpu: ...": Google Benchmark knows no nested context.
void show(const Json& context) {
  const auto text = [](const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); };
  for (const auto& [block, values] : context.items()) {
    if (block == "doctor") {
      show_doctor(values);
      continue;
    }
    if (!values.is_object()) {
      benchmark::AddCustomContext(block, text(values));
      continue;
    }
    for (const auto& [key, value] : values.items())
      benchmark::AddCustomContext(fmt::format("{}.{}", block, key), text(value));
  }
}

// path: empty if it was not asked for.
void write(const std::string& path, const std::string& text) {
  if (!path.empty() && !text.empty()) bench::write_file(path, std::as_bytes(std::span(text)));
}

struct Run {
  int code;
  Json json;               // null: no row
  std::string table = {};  // of what Google Benchmark has no place for
};

// To whom Google Benchmark tells what it measures; nullptr: to whom it would by itself.
struct Reporters {
  benchmark::BenchmarkReporter* display;
  benchmark::BenchmarkReporter* file;
};

// vsp: that the command line brings; nullptr: none.
using Runner = Run (*)(const bench::Options& options, const VMBS_VSP* vsp, const std::string& started,
                       const Json& where, const Reporters& to);

// Which rows there are, and what they are left out for.
bench::VspRows rows_of(const bench::Options& options, const bench::Point& point) {
  const std::uint64_t memory = report::available_memory().value_or(0);
  bench::VspRows rows{bench::suite_rows(options.suite, available_cpus(), memory), {}};
  if (point.vsp != nullptr) rows = bench::rows_on(rows.rows, point);
  for (const report::LeftOutRow& row : bench::left_out_rows(options.suite, available_cpus(), memory)) {
    rows.left_out.push_back(row);
  }
  return rows;
}

Run run_saves(const bench::Options& options, const VMBS_VSP* vsp, const std::string& started, const Json& where,
              const Reporters& to) {
  const bench::Point point = vsp == nullptr ? bench::Point{} : bench::vsp_point(*vsp);
  bench::Stage stage;
  bench::RowLog log(options.repetitions);
  const bench::MakeContestants make = [&](const bench::RowSpec& spec) { return stage.contestants(spec); };
  bench::Executors executors;
  std::vector<report::RooflineRow> copies = bench::roofline_rows(options.suite, available_cpus());
  bench::register_roofline(copies, executors);
  std::vector<report::OperationRow> operations = bench::operation_rows(options.suite);
  bench::register_operations(operations);
  const std::vector<bench::TransferSpec> journeys = bench::transfer_specs(options.suite, available_cpus(), point);
  std::vector<report::TransferRow> transfers = bench::transfer_rows(journeys);
  bench::register_transfers(journeys, transfers, executors);
  const auto [rows, left_out] = rows_of(options, point);
  for (const report::LeftOutRow& row : left_out) {
    if (options.quiet) break;
    std::fputs(fmt::format("{}: left out: {}: {}\n", bench::bench_name(), row.name, row.reason).c_str(), stderr);
  }
  bench::register_rows(rows, options.fixed_saves, make, log, options.quiet);
  const std::size_t matched = benchmark::RunSpecifiedBenchmarks(to.display, to.file);
  const std::vector<report::RooflineRow> roofline = bench::measured(copies);
  std::vector<bench::Outcome> outcomes = bench::outcomes(log);
  for (const report::RooflineRow& row : roofline) outcomes.push_back({row.name, row.error});
  std::erase_if(operations, [](const report::OperationRow& row) { return row.ns.empty() && row.error.empty(); });
  for (const report::OperationRow& row : operations) outcomes.push_back({row.name, row.error});
  std::erase_if(transfers, [](const report::TransferRow& row) { return row.ns.empty() && row.error.empty(); });
  for (const report::TransferRow& row : transfers) outcomes.push_back({row.name, row.error});
  const int code = bench::exit_code(options.list_only, matched, outcomes);
  if (outcomes.empty()) return {code, Json()};
  return {code,
          report::bench_json(options.suite, started, where, log.rows(), roofline, operations, left_out, transfers)};
}

// Google Benchmark shows a group as one line.
Run run_load(const bench::Options& options, const VMBS_VSP*, const std::string& started, const Json& where,
             const Reporters& to) {
  bench::Executors executors;
  bench::LoadLog log;
  bench::register_load(bench::load_groups(), executors, log, options.quiet);
  const std::size_t matched = benchmark::RunSpecifiedBenchmarks(to.display, to.file);
  const std::vector<report::LoadRow> rows = log.rows();
  std::vector<bench::Outcome> outcomes;
  for (const report::LoadRow& row : rows) outcomes.push_back({row.name, row.error});
  const int code = bench::exit_code(options.list_only, matched, outcomes);
  if (rows.empty()) return {code, Json()};
  const bench::Ticks& clock = bench::Ticks::clock();
  const Json json = report::load_json(started, where, {clock.name(), clock.cost_ns()}, rows);
  return {code, json, report::load_table(json)};
}

// Google Benchmark has no place for a distribution.
Run run_host(const bench::Options& options, const VMBS_VSP* vsp, const std::string& started, const Json& where,
             const Reporters& to) {
  bench::Executors executors;
  const bench::Workload workload = vsp == nullptr ? bench::host_workload() : bench::workload_of(*vsp);
  std::vector<report::HostRow> rows = bench::host_rows(options.host, available_cpus());
  if (vsp != nullptr) {
    for (report::HostRow& row : rows) row.spec.vsp = vsp->name;
  }
  bench::register_host(rows, workload, executors, options.quiet);
  const std::size_t matched = benchmark::RunSpecifiedBenchmarks(to.display, to.file);
  std::erase_if(rows, [](const report::HostRow& row) { return row.cold.total_ns.empty() && row.error.empty(); });
  std::vector<bench::Outcome> outcomes;
  for (const report::HostRow& row : rows) outcomes.push_back({host_name(row.spec), bench::host_failure(row)});
  const int code = bench::exit_code(options.list_only, matched, outcomes);
  if (rows.empty()) return {code, Json()};
  const Json json = report::host_json(started, where, rows);
  return {code, json, report::host_table(json)};
}

// The disk is made first: a folder that cannot have it is a bad command line, not a row that failed.
Run run_live(const bench::Options& options, const VMBS_VSP* vsp, const std::string& started, const Json& where,
             const Reporters& to) {
  bench::LiveSpec spec = options.live.spec;
  spec.vsp = vsp;
  if (vsp != nullptr) {
    const std::string why = bench::live_vsp_fault(*vsp);
    if (!why.empty())
      throw std::runtime_error(fmt::format("{}: {}; --suite=live reads and writes a disk", vsp->name, why));
  }
  std::optional<bench::LiveDisk> disk;
  if (!options.list_only) disk.emplace(options.live.disk());
  report::LiveRow row = bench::live_row(spec);
  bool has_run = false;
  bench::register_live(row, disk ? &*disk : nullptr, has_run, options.quiet);
  const std::size_t matched = benchmark::RunSpecifiedBenchmarks(to.display, to.file);
  if (!has_run) return {bench::exit_code(options.list_only, matched, {}), Json()};
  const std::string why = row.skipped.empty() ? row.error : "skipped: " + row.skipped;
  const int code = bench::exit_code(false, matched, {{row.name, why}});
  const bench::Ticks& clock = bench::Ticks::clock();
  const Json json = report::live_json(started, where, {clock.name(), clock.cost_ns()}, {row});
  return {code, json, report::live_table(json)};
}

Runner runner_of(const std::string& suite) {
  if (suite == bench::kLoadSuite) return run_load;
  if (suite == bench::kLiveSuite) return run_live;
  return suite == bench::kHostSuite ? run_host : run_saves;
}

// For `vmbsave doctor`, which does not load Google Benchmark.
int give_context(const bench::Options& options) {
  const std::string text = context().dump(2) + "\n";
  bench::expect_usable({{"--out", options.out}}, {});
  write(options.out, text);
  if (!options.quiet) std::fputs(text.c_str(), stdout);
  return flushed(0);
}

int run(const bench::Options& options) {
  if (options.context_only) return give_context(options);
  bench::expect_usable({{"--out", options.out}, {"--benchmark_out", options.google_out}}, {options.vsp});
  std::optional<bench::ExitGuard> guard;
  std::optional<bench::Plugin> plugin;
  if (!options.vsp.empty()) {
    guard.emplace(bench::bench_name(), options.vsp);
    plugin.emplace(options.vsp);
  }
  const std::string started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  const Json where = context();
  show(where);
  std::optional<bench::FileReporter> file;
  if (!options.google_out.empty()) file.emplace(options.google_out_format);
  const VMBS_VSP* const vsp = plugin ? &plugin->vsp() : nullptr;
  const auto display = bench::make_display(options);
  const Reporters to{display.get(), file ? file->get() : nullptr};
  const auto [code, json, table] = runner_of(options.suite)(options, vsp, started, where, to);
  const std::string text = json.is_null() ? "" : json.dump(1) + "\n";
  if (options.json) {
    std::fputs(text.c_str(), stdout);
  } else if (!options.quiet && !table.empty()) {
    fmt::print("\n{}", table);
  }
  try {
    write(options.out, text);
    if (file) write(options.google_out, file->text());
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
  return flushed(code);
}

}  // namespace

int main(int argc, char** argv) {
  bench::occupy_standard_streams();
  bench::end_on_interrupts(bench::bench_name());
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error of the write, with its words
  try {
    return run(bench::parse_options(argc, argv));
  } catch (const std::filesystem::filesystem_error& error) {  // what() has the library's own words
    return refuse(fmt::format("{}: {}", error.path1().string(), error.code().message()));
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}
