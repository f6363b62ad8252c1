#include "latency/options.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/one_line.hpp"
#include "latency/host_suite.hpp"
#include "latency/live_suite.hpp"
#include "latency/load_suite.hpp"
#include "latency/suites.hpp"

namespace vmbsave::bench {
namespace {

constexpr int kBadInput = 2;

[[noreturn]] void fail(const std::string& what) {
  std::fputs(fmt::format("vmbsave-bench: {}; see vmbsave-bench --help\n", one_line(what)).c_str(), stderr);
  std::exit(kBadInput);
}

constexpr const char* kHelp =
    "Measures the save latency at scale: how long a VM with many packets in use is saved, by the engine through C++\n"
    "and through C, beside the documented protocol, a plain copy of the same bytes, and what people would use\n"
    "instead. What was saved is compared with the packets before it is timed.\n\n"
    "vmbsave-bench [--suite=smoke|quick|bar|image|full|long|load|live|host]   which rows; default: quick\n"
    "              [--out=FILE]                          every save of every row as JSON; see 'vmbsave table FILE'\n"
    "              [--vsp=FILE]                          the packets are those of your VSP: its shared object\n"
    "              [--context]                           nothing but machine, build, libraries and doctor as JSON\n"
    "              [flags of Google Benchmark]\n\n"
    "smoke: 64 packets and 20 saves a row, to see that it works. quick: 65536 packets on 16 channels, 1000 saves a\n"
    "row. full: quick, and one factor at a time around it. long: the largest saves that there can be, 20 a row.\n"
    "image: images into memory, a file and a socket, and back.\n"
    "bar: what the engine is held to, for 'vmbsave bar'; bench/run --bar repeats and mixes its rows.\n"
    "load: a VSP at work while saves run: what its calls take, what the guest sees, how long the blackout is, beside "
    "a\n"
    "lock around a list, and beside waiting until nothing is in flight; a minute and a half.\n"
    "live: guests read and write a file through a storage VSP and io_uring, as fast as it goes: what they see before,\n"
    "during and after saves of their VM; three quarters of a minute. Its flags:\n"
    "              [--folder=DIR]   where the file goes, which never has a name; default: $TMPDIR\n"
    "              [--disk=MIB]     its size; default: 1024, or less where there is no room\n"
    "              [--channels=4] [--depth=64] [--reads=70]   requests under way on each channel; percent of reads\n"
    "              [--every=50ms] [--phase=2s] [--rounds=7] [--seed=1]   a save so often; each of the three so long\n"
    "host: many VMs, saved all at once and one after another, every image compared with its packets. Its flags:\n"
    "              [--vms=N] [--packets=64]   so many, with so many packets in use each; default: 2, 16, 128 and 1024\n"
    "              [--deadline=300ms] [--memory-budget=SIZE]   a longer blackout, or more memory, fails the row\n"
    "--vsp: a VSP of your own (vmbsave/vsp.h): every suite but load runs on it; what of them depends on sizes of\n"
    "states or on callbacks that only the suite's own VSP has is left out by name. load has no callbacks.\n"
    "With --benchmark_min_time the time decides how many saves a row has.\n"
    "Exit codes: 0 all rows were measured, 1 a row failed or nothing was measured, 2 the command line is not "
    "usable.\n\n"
    "Flags of Google Benchmark:\n";

bool help_wanted = false;

// Google Benchmark calls this for --help, and for values of its flags that it does not know.
void print_help() {
  if (!help_wanted) fail("a --benchmark flag has a value that Google Benchmark does not know");
  std::fputs(kHelp, stdout);
  benchmark::PrintDefaultHelp();
  if (std::fflush(stdout) != 0) std::exit(1);
}

// What a flag was given, on the command line or in the environment, as Google Benchmark reads it: "" for a bare flag,
// nullptr if it was not given.
const char* google_flag(int argc, char** argv, std::string_view name, const char* variable) {
  const char* value = std::getenv(variable);
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (!argument.starts_with("--") || !argument.substr(2).starts_with(name)) continue;
    argument.remove_prefix(2 + name.size());
    if (argument.empty()) value = "";
    if (argument.starts_with('=')) value = argument.data() + 1;
  }
  return value;
}

// What was given for a flag as a number of at least `least`; absent: it was not given. Google Benchmark would take
// "nan" for a time without end, and a variable that is no number for none.
std::optional<double> number_flag(int argc, char** argv, std::string_view name, const char* variable, double least) {
  const char* const text = google_flag(argc, argv, name, variable);
  if (text == nullptr) return std::nullopt;
  double value = 0;
  const char* const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || rest != end || !std::isfinite(value) || value < least) {
    fail(fmt::format("--{}: expected a number of at least {}, found '{}'", name, least, text));
  }
  return value;
}

// A suite that has no place for another VSP: what it measures is a packet's way through the table.
std::string vsp_option_fault(const std::string& suite, const std::string& vsp) {
  if (vsp.empty() || suite != kLoadSuite) return {};
  return fmt::format("--vsp: --suite={} has packets of its own and no callbacks; take --suite=live", suite);
}

// Under whatever names.
void expect_two_files(const std::string& out, const std::string& google_out) {
  namespace fs = std::filesystem;
  if (out.empty() || google_out.empty()) return;
  std::error_code none;
  const std::string one = fs::weakly_canonical(fs::absolute(out)).string();
  const std::string two = fs::weakly_canonical(fs::absolute(google_out)).string();
  if (one == two || fs::equivalent(out, google_out, none)) {
    fail("--out and --benchmark_out name the same file");
  }
}

// Google Benchmark empties --benchmark_out before it knows whether a row matches: it gets another file, and what it
// writes is taken from its reporter.
void initialize_google(int& argc, char**& argv, bool has_out) {
  static std::vector<char*> words;
  static char elsewhere[] = "--benchmark_out=/dev/null";
  words.assign(argv, argv + argc);
  if (has_out) words.push_back(elsewhere);
  argc = static_cast<int>(words.size());
  words.push_back(nullptr);
  argv = words.data();
  benchmark::Initialize(&argc, argv, print_help);
}

// As Google Benchmark has it: true unless it says no.
bool is_true(const char* value) {
  if (value == nullptr) return false;
  for (const char* const no :
       {"0", "f", "F", "n", "N", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}) {
    if (std::strcmp(value, no) == 0) return false;
  }
  return true;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.fixed_saves = google_flag(argc, argv, "benchmark_min_time", "BENCHMARK_MIN_TIME") == nullptr;
  options.list_only = is_true(google_flag(argc, argv, "benchmark_list_tests", "BENCHMARK_LIST_TESTS"));
  constexpr double kShortestSeconds = 1e-6;
  (void)number_flag(argc, argv, "benchmark_min_time", "BENCHMARK_MIN_TIME", kShortestSeconds);
  (void)number_flag(argc, argv, "benchmark_min_warmup_time", "BENCHMARK_MIN_WARMUP_TIME", 0);
  options.repetitions = static_cast<unsigned>(
      std::min(number_flag(argc, argv, "benchmark_repetitions", "BENCHMARK_REPETITIONS", 1).value_or(1), 1e6));
  if (const char* const out = google_flag(argc, argv, "benchmark_out", "BENCHMARK_OUT")) options.google_out = out;
  if (const char* const format = google_flag(argc, argv, "benchmark_out_format", "BENCHMARK_OUT_FORMAT")) {
    options.google_out_format = format;
  }
  help_wanted = google_flag(argc, argv, "help", "") != nullptr;
  benchmark::SetDefaultTimeUnit(benchmark::kMillisecond);  // --benchmark_time_unit says otherwise
  initialize_google(argc, argv, !options.google_out.empty());

  CLI::App app;
  app.set_help_flag();
  std::vector<std::string> suites = suite_names();
  suites.insert(suites.end(), {kLoadSuite, kLiveSuite, kHostSuite});
  app.add_flag("--context", options.context_only);
  app.add_option("--suite", options.suite)->check(CLI::IsMember(suites));
  app.add_option("--out", options.out)->check([](const std::string& file) {
    return file.empty() ? "expected a file" : "";
  });
  app.add_option("--vsp", options.vsp)->check([](const std::string& file) {
    return file.empty() ? "expected a file" : "";
  });
  add_live_options(app, options.live);
  add_host_options(app, options.host);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    fail(error.what());
  }
  for (const std::string& fault :
       {live_options_fault(app, options.suite, options.live), host_options_fault(app, options.suite),
        vsp_option_fault(options.suite, options.vsp)}) {
    if (!fault.empty()) fail(fault);
  }
  expect_two_files(options.out, options.google_out);
  return options;
}

}  // namespace vmbsave::bench
