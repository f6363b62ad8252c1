#include "latency/options.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <unistd.h>

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

#include "harness/bench_name.hpp"
#include "harness/exit_codes.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/pattern.hpp"
#include "harness/standard_streams.hpp"
#include "harness/suggestion.hpp"
#include "harness/terminal.hpp"
#include "latency/host_suite.hpp"
#include "latency/live_suite.hpp"
#include "latency/load_suite.hpp"
#include "latency/suites.hpp"

namespace vmbsave::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fputs(fmt::format("{}: {}\n", bench_name(), one_line(with_advice(what, bench_name()))).c_str(), stderr);
  std::exit(kBadInput);
}

constexpr const char* kHelp =
    "how long saves take at scale, beside what others would do\n"
    "How long a VM with many packets in use is saved, by the engine through C++ and through C, beside the documented\n"
    "protocol, a plain copy of the same bytes, and what people would use instead. What was saved is compared with the\n"
    "packets before it is timed.\n\n"
    "Usage: vmbsave bench [OPTIONS]\n\n"
    "Options:\n"
    "  -h, --help            print this\n"
    "  --suite NAME          which rows: smoke, quick, bar, image, full, long, load, live, host (default: quick)\n"
    "  --vsp FILE            the packets are those of your VSP: its shared object\n"
    "  --context             nothing but machine, build, libraries and doctor as JSON\n"
    "  --json                JSON on standard output instead of text, nothing else\n"
    "  -o, --out FILE        write the JSON, with every save of every row, to FILE too, whole or not at all\n"
    "  -q, --quiet           no text: errors and the exit code alone\n"
    "  and flags of Google Benchmark, below\n\n"
    "Of --suite=live:\n"
    "  --folder FOLDER       where the file goes, which never has a name (default: $TMPDIR)\n"
    "  --disk MIB            its size in MiB (default: 1024, or less where there is no room)\n"
    "  --channels N          (1 to 1024; default: 4)\n"
    "  --depth N             requests under way on each channel (1 to 4096; default: 64)\n"
    "  --reads PERCENT       of the requests; the others write (0 to 100; default: 70)\n"
    "  --every TIME          a save so often (default: 50ms)\n"
    "  --phase TIME          each of before, during and after (default: 2s)\n"
    "  --rounds N            (1 to 1000; default: 7)\n"
    "  --seed N              of the requests (default: 1)\n\n"
    "Of --suite=host:\n"
    "  --vms N               (1 to 4096; without: 2, 16, 128 and 1024, one after the other)\n"
    "  --packets N           in use, of each VM (1 to 65536; default: 64)\n"
    "  --deadline TIME       a longer blackout fails the row (default: 300ms)\n"
    "  --memory-budget SIZE  more memory fails the row, e.g. 1GiB\n\n"
    "smoke: 64 packets and 20 saves a row, to see that it works. quick: 65536 packets on 16 channels, 1000 saves a\n"
    "row. full: quick, and one factor at a time around it. long: the largest saves that there can be, 20 a row.\n"
    "image: images into memory, a file and a socket, and back.\n"
    "bar: what the engine is held to, for 'vmbsave bar'; bench/run --bar repeats and mixes its rows.\n"
    "load: a VSP at work while saves run: what its calls take, what the guest sees, how long the blackout is, beside\n"
    "a lock around a list, and beside waiting until nothing is in flight; a minute and a half.\n"
    "live: guests read and write a file through a storage VSP and io_uring, as fast as it goes: what they see before,\n"
    "during and after saves of their VM; three quarters of a minute.\n"
    "host: many VMs, saved all at once and one after another, every image compared with its packets.\n"
    "A VSP of your own (vmbsave/vsp.h): every suite but load runs on it; what of them depends on sizes of states or\n"
    "on callbacks that only the suite's own VSP has is left out by name. load has no callbacks.\n"
    "With --benchmark_min_time the time decides how many saves a row has.\n\n"
    "Examples:\n"
    "  vmbsave bench --suite=smoke                      seconds, to see that it works\n"
    "  vmbsave bench --out=bench.json && vmbsave table bench.json\n"
    "  vmbsave bench --suite=host --vms=1024 --memory-budget=1GiB\n"
    "  vmbsave bench --vsp=./libmyvsp.so --benchmark_filter=fused\n\n"
    "Exit codes: 0: all rows were measured; 1: a row failed, or nothing was measured; 2: the command line is of no\n"
    "use; 128+N: ended by signal N.\n\n"
    "Flags of Google Benchmark:\n";

[[noreturn]] void print_help() {
  std::fputs(kHelp, stdout);
  benchmark::PrintDefaultHelp();
  const std::string lost = lost_output();
  if (!lost.empty()) fail(lost);
  std::exit(kOk);
}

// Google Benchmark calls this for values of its flags that it does not know.
void refuse_value() { fail("a --benchmark flag has a value that Google Benchmark does not know"); }

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

// Google Benchmark reads no "1e3", and says so in words of its own.
unsigned repetitions(int argc, char** argv) {
  constexpr double kMost = 1e6;
  const double number = number_flag(argc, argv, "benchmark_repetitions", "BENCHMARK_REPETITIONS", 1).value_or(1);
  const char* const text = google_flag(argc, argv, "benchmark_repetitions", "BENCHMARK_REPETITIONS");
  if (number > kMost || (text != nullptr && std::strspn(text, "0123456789") != std::strlen(text))) {
    fail(fmt::format("--benchmark_repetitions: expected a whole number of at most {}, found '{}'", kMost, text));
  }
  return static_cast<unsigned>(number);
}

// A '-' in front of it is Google Benchmark's "all but those".
void expect_filter(int argc, char** argv) {
  const char* filter = google_flag(argc, argv, "benchmark_filter", "BENCHMARK_FILTER");
  if (filter == nullptr || *filter == '\0') return;
  if (*filter == '-') ++filter;
  try {
    (void)Pattern(filter);
  } catch (const std::invalid_argument& error) {
    fail(fmt::format("--benchmark_filter: {}", error.what()));
  }
}

// A suite that has no place for another VSP: what it measures is a packet's way through the table.
std::string vsp_option_fault(const std::string& suite, const std::string& vsp) {
  if (vsp.empty() || suite != kLoadSuite) return {};
  return fmt::format("--vsp: --suite={} has packets of its own and no callbacks; take --suite=live", suite);
}

// Google Benchmark empties --benchmark_out before it knows whether a row matches: it gets another file, and what it
// writes is taken from its reporter.
void initialize_google(int& argc, char**& argv, bool has_out) {
  static std::vector<char*> words;
  static char elsewhere[] = "--benchmark_out=/dev/null";
  static char plain[] = "--benchmark_color=false";
  words.assign(argv, argv + argc);
  // What the command line says comes later, and holds.
  if (!wants_colour(STDOUT_FILENO)) words.insert(words.begin() + 1, plain);
  if (has_out) words.push_back(elsewhere);
  argc = static_cast<int>(words.size());
  words.push_back(nullptr);
  argv = words.data();
  benchmark::Initialize(&argc, argv, refuse_value);
}

// Of those that are worth a suggestion.
constexpr const char* kGoogleFlags[] = {
    "--benchmark_filter",    "--benchmark_list_tests",     "--benchmark_min_time", "--benchmark_repetitions",
    "--benchmark_out",       "--benchmark_out_format",     "--benchmark_format",   "--benchmark_color",
    "--benchmark_time_unit", "--benchmark_min_warmup_time"};

// Without its beginning a flag of Google Benchmark is meant before any that only looks like it.
std::string meant_flag(const std::string& flag, std::vector<std::string> known) {
  for (const char* const google : kGoogleFlags) {
    if (flag.starts_with("--") && google == "--benchmark_" + flag.substr(2)) return google;
    known.push_back(google);
  }
  return nearest(flag, known);
}

// The first flag that there is none of, with the nearest that there is; "": all are known.
std::string unknown_flag(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> known;
  for (const CLI::Option* const option : app.get_options()) known.push_back(option->get_name());
  for (int i = 1; i < argc; ++i) {
    const std::string flag = std::string(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (!flag.starts_with('-') || app.get_option_no_throw(flag) != nullptr) continue;
    const std::string meant = meant_flag(flag, known);
    return fmt::format("no option '{}'{}", flag, meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
  }
  return "";
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
  if (std::any_of(argv, argv + argc, [](const std::string_view word) { return word == "-h" || word == "--help"; })) {
    print_help();
  }
  Options options;
  options.fixed_saves = google_flag(argc, argv, "benchmark_min_time", "BENCHMARK_MIN_TIME") == nullptr;
  options.list_only = is_true(google_flag(argc, argv, "benchmark_list_tests", "BENCHMARK_LIST_TESTS"));
  constexpr double kShortestSeconds = 1e-6;
  (void)number_flag(argc, argv, "benchmark_min_time", "BENCHMARK_MIN_TIME", kShortestSeconds);
  (void)number_flag(argc, argv, "benchmark_min_warmup_time", "BENCHMARK_MIN_WARMUP_TIME", 0);
  options.repetitions = repetitions(argc, argv);
  expect_filter(argc, argv);
  if (const char* const out = google_flag(argc, argv, "benchmark_out", "BENCHMARK_OUT")) options.google_out = out;
  if (const char* const format = google_flag(argc, argv, "benchmark_out_format", "BENCHMARK_OUT_FORMAT")) {
    options.google_out_format = format;
  }
  benchmark::SetDefaultTimeUnit(benchmark::kMillisecond);  // --benchmark_time_unit says otherwise
  initialize_google(argc, argv, !options.google_out.empty());

  CLI::App app;
  app.set_help_flag();
  std::vector<std::string> suites = suite_names();
  suites.insert(suites.end(), {kLoadSuite, kLiveSuite, kHostSuite});
  app.add_flag("--context", options.context_only);
  app.add_option("--suite", options.suite)->check(CLI::IsMember(suites));
  app.add_option("-o,--out", options.out)->type_name("FILE")->check(cli::given());
  app.add_option("--vsp", options.vsp)->type_name("FILE")->check(cli::given());
  CLI::Option* const json = app.add_flag("--json", options.json);
  app.add_flag("-q,--quiet", options.quiet)->excludes(json);
  add_live_options(app, options.live);
  add_host_options(app, options.host);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::string unknown = unknown_flag(app, argc, argv);
    fail(unknown.empty() ? error.what() : unknown);
  }
  for (const std::string& fault :
       {live_options_fault(app, options.suite, options.live), host_options_fault(app, options.suite),
        vsp_option_fault(options.suite, options.vsp)}) {
    if (!fault.empty()) fail(fault);
  }
  return options;
}

}  // namespace vmbsave::bench
