#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/service_time.hpp"
#include "cli/trace_kept.hpp"
#include "cli/trace_source.hpp"
#include "harness/option_checks.hpp"
#include "report/json_file.hpp"
#include "report/profile_report.hpp"
#include "scenarios/profile/measure.hpp"
#include "trace/trace.hpp"

namespace vmbsave::cli {
namespace {

constexpr const char* kProfileDescription =
    "Tells what a trace holds: sizes, operations, queues, how many requests are in use at arrivals and over time. "
    "Writes it as a profile, which a replay can run without the trace.";

constexpr const char* kProfileExamples =
    "Examples:\n"
    "  vmbsave profile sample_trace.tar.xz\n"
    "  vmbsave profile disk.vscsi --service-time 1ms --json > disk.json\n"
    "  vmbsave profile disk.vscsi --name disk --source 'our mail server' --credit 'ours' --out disk.json\n"
    "  vmbsave replay --profile ./disk.json";

struct ProfileArguments {
  TraceSource trace;
  std::string service_time;
  std::string out;
  bool json = false;
  profile::Options options;
};

// As the user says, or as the terminal is.
unsigned terminal_columns() {
  constexpr unsigned kDefault = 80;
  constexpr unsigned kLeast = 60;
  constexpr unsigned kMost = 500;
  const char* const columns = std::getenv("COLUMNS");
  const std::string_view text = columns == nullptr ? "" : columns;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    winsize terminal{};
    value = ioctl(STDOUT_FILENO, TIOCGWINSZ, &terminal) == 0 ? terminal.ws_col : 0;
  }
  return value >= kLeast && value <= kMost ? value : kDefault;
}

bool is_utf8_locale() {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return false;
  const bool is_utf8 = std::string_view(nl_langinfo_l(CODESET, locale)) == "UTF-8";
  freelocale(locale);
  return is_utf8;
}

// Of a folder too, with a slash behind it or not.
std::string file_name(const std::string& trace) {
  const std::filesystem::path path = std::filesystem::path(trace).lexically_normal();
  const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
  return name.empty() ? "trace" : name;
}

// A replay must be able to read what is written.
std::string checked_json(const trace::Profile& profile, const ProfileArguments& arguments) {
  std::string json = trace::profile_json(profile);
  const std::string to = arguments.out.empty() ? "standard output" : arguments.out;
  if (arguments.json || !arguments.out.empty()) (void)trace::parse_profile(json, "no profile to run for " + to);
  return json;
}

int run_profile(ProfileArguments& arguments) {
  profile::Options& options = arguments.options;
  const std::optional<std::uint64_t> given = parse_service_time(arguments.service_time);
  if (!arguments.out.empty()) expect_trace_kept("--out", arguments.trace.path, {arguments.out});
  Progress progress;
  const trace::Trace trace = read_trace(arguments.trace, progress);
  options.service_time_ns = service_time(trace, given);
  const std::string file = file_name(arguments.trace.path);
  if (options.name.empty()) options.name = file.substr(0, file.find('.', 1));
  if (options.source.empty()) options.source = file;
  const trace::Profile profile = profile::measure(trace, options);
  const std::string json = checked_json(profile, arguments);
  if (!arguments.out.empty()) report::write_text(arguments.out, json);
  fmt::print("{}", arguments.json
                       ? json
                       : report::profile_text(profile, {.columns = terminal_columns(), .unicode = is_utf8_locale()}));
  return kOk;
}

}  // namespace

void add_profile(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand("profile", kProfileDescription);
  command->footer(kProfileExamples);
  const auto arguments = std::make_shared<ProfileArguments>();
  profile::Options& options = arguments->options;
  options.credit = "none given";
  auto* const trace = command->add_option("TRACE", arguments->trace.path, "what 'vmbsave replay --trace' takes");
  trace->required()->check(given());
  add_trace_options(*command, trace, arguments->trace);
  command
      ->add_option("--service-time", arguments->service_time,
                   "time from submission to completion, e.g. 10ms; replaces measured ones")
      ->check(given());
  command->add_option("--min-count", options.min_count, "leave out sizes with fewer requests")
      ->transform(whole_number(1, trace::kMostRequests))
      ->capture_default_str();
  command->add_option("--name", options.name, "of the profile; by default the file's, up to a dot")->check(given());
  command->add_option("--source", options.source, "where the trace comes from; by default the file's name")
      ->check(given());
  command->add_option("--credit", options.credit, "who is to be credited, and the trace's licence")
      ->check(given())
      ->capture_default_str();
  command->add_option("--out", arguments->out, "write the profile to FILE, as JSON")->check(given());
  command->add_flag("--json", arguments->json, "the profile as JSON on standard output, nothing else");
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_profile(*arguments); }; });
}

}  // namespace vmbsave::cli
