#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/service_time.hpp"
#include "cli/trace_kept.hpp"
#include "cli/trace_source.hpp"
#include "harness/option_checks.hpp"
#include "harness/progress.hpp"
#include "harness/terminal.hpp"
#include "report/json_file.hpp"
#include "report/profile_report.hpp"
#include "scenarios/profile/measure.hpp"
#include "trace/trace.hpp"

namespace vmbsave::cli {
namespace {

const Help kProfileHelp = {
    kMeasure,
    "profile",
    "what a trace holds: sizes, operations, queues, concurrency",
    "How many requests are in use, at arrivals and over time, as a picture. Its JSON is a profile, which a replay can "
    "run "
    "without the trace.",
    "  vmbsave profile sample_trace.tar.xz\n"
    "  vmbsave profile disk.vscsi --service-time 1ms --json > disk.json\n"
    "  vmbsave profile disk.vscsi --name disk --source 'our mail server' --credit 'ours' --out disk.json\n"
    "  vmbsave replay --profile ./disk.json\n",
    {{kOk, "measured"}, {kBadInput, "the trace cannot be read, or the file not be written"}}};

struct ProfileArguments {
  TraceSource trace;
  std::string service_time;
  Output output;
  profile::Options options;
};

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
  const Output& output = arguments.output;
  const std::string to = output.out.empty() ? "standard output" : output.out;
  if (output.json || !output.out.empty()) (void)trace::parse_profile(json, "no profile to run for " + to);
  return json;
}

int run_profile(ProfileArguments& arguments) {
  constexpr unsigned kUsual = 80;
  constexpr unsigned kNarrowest = 60;  // for the pictures
  profile::Options& options = arguments.options;
  const std::optional<std::uint64_t> given = parse_service_time(arguments.service_time);
  if (!arguments.output.out.empty()) expect_trace_kept("--out", arguments.trace.path, {arguments.output.out});
  expect_usable(arguments.output, {});
  bench::Progress progress(arguments.output.quiet);
  const trace::Trace trace = read_trace(arguments.trace, progress);
  options.service_time_ns = service_time(trace, given);
  const std::string file = file_name(arguments.trace.path);
  if (options.name.empty()) options.name = file.substr(0, file.find('.', 1));
  if (options.source.empty()) options.source = file;
  const trace::Profile profile = profile::measure(trace, options);
  progress.end();
  const std::string json = checked_json(profile, arguments);
  const report::TextStyle style{.columns = std::max(kNarrowest, bench::terminal_columns(STDOUT_FILENO, kUsual)),
                                .unicode = is_utf8_locale()};
  give(arguments.output, json, report::profile_text(profile, style));
  return kOk;
}

}  // namespace

void add_profile(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kProfileHelp);
  const auto arguments = std::make_shared<ProfileArguments>();
  profile::Options& options = arguments->options;
  options.credit = "none given";
  auto* const trace = command->add_option("TRACE", arguments->trace.path, "what 'vmbsave replay --trace' takes");
  trace->required()->check(given());
  add_trace_options(*command, trace, arguments->trace);
  command
      ->add_option("--service-time", arguments->service_time,
                   "time from submission to completion, e.g. 10ms; replaces measured ones")
      ->type_name("TIME")
      ->check(given());
  command->add_option("--min-count", options.min_count, "leave out sizes with fewer requests")
      ->type_name("N")
      ->transform(whole_number(1, trace::kMostRequests))
      ->capture_default_str();
  command->add_option("--name", options.name, "of the profile; by default the file's, up to a dot")->check(given());
  command->add_option("--source", options.source, "where the trace comes from; by default the file's name")
      ->check(given());
  command->add_option("--credit", options.credit, "who is to be credited, and the trace's licence")
      ->check(given())
      ->capture_default_str();
  add_output_options(*command, arguments->output);
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_profile(*arguments); }; });
}

}  // namespace vmbsave::cli
