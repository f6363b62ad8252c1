#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/duration.hpp"
#include "cli/option_checks.hpp"
#include "cli/progress.hpp"
#include "cli/trace_kept.hpp"
#include "harness/one_line.hpp"
#include "packet/vm.hpp"
#include "report/replay_report.hpp"
#include "scenarios/replay/replay.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "trace/profile.hpp"
#include "trace/trace.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::cli {
namespace {

constexpr const char* kReplayDescription =
    "Replays a storage trace in virtual time, stops it, saves every packet in use, checks each saved packet byte for "
    "byte against the "
    "trace, restores them into fresh channels and checks again.";

constexpr const char* kReplayExamples =
    "Examples:\n"
    "  vmbsave replay --trace sample_trace.tar.xz\n"
    "  vmbsave replay --trace disk.vscsi --service-time 1ms --threads 2\n"
    "  vmbsave replay --trace disk.vscsi --replicate 64 --shift 0s --one-cut --channels 16 --json > replay.json\n"
    "Octf traces and blktraces hold measured completions; a vSCSI version 1 trace has none, so a request completes\n"
    "one service time after it was submitted (10ms unless given).";

struct ReplayArguments {
  std::string trace;
  std::string profile;
  std::string service_time;
  std::string shift = "1ms";
  std::string save_at = "peak";
  std::string plan = plan_name(SavePlan::kAuto);
  bool json = false;
  replay::Options options;
};

constexpr const char* kLower = "more than this machine has memory or mappings for; lower --channels or --replicate";
constexpr std::uint64_t kDefaultServiceTimeNs = 10'000'000;

trace::Trace load(const ReplayArguments& arguments, Progress& progress) {
  if (arguments.trace.empty()) return trace::from_profile(arguments.profile);
  return trace::read(arguments.trace,
                     [&](std::uint64_t done, std::uint64_t total) { progress.show("read", done, total); });
}

void parse_times(ReplayArguments& arguments) {
  replay::Options& options = arguments.options;
  options.replication.shift_ns = parse_duration("--shift", arguments.shift);
  if (!arguments.service_time.empty()) {
    options.service_time_ns = parse_duration("--service-time", arguments.service_time);
    if (*options.service_time_ns == 0) {
      throw CLI::ValidationError("--service-time", "in no time no request is in use; give 1ns or more");
    }
  }
  constexpr std::uint64_t kLongestShiftNs = std::uint64_t{1} << 62;
  if (options.replication.shift_ns > kLongestShiftNs / options.replication.vms) {
    throw CLI::ValidationError("--shift", "the last VM would start later than 2^62 ns");
  }
  if (arguments.save_at != "peak") options.save_at_ns = parse_duration("--save-at", arguments.save_at);
}

SavePlan to_plan(const std::string& name) {
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    if (name == plan_name(plan)) return plan;
  }
  return SavePlan::kAuto;
}

// What cannot be replayed is told with the trace's name.
replay::Result replay_named(const std::string& name, const trace::Trace& trace, const VMBS_VSP& vsp,
                            const replay::Options& options, Progress& progress) {
  const auto show = [&](const char* step, std::uint64_t done, std::uint64_t total) {
    progress.show(step, done, total);
  };
  try {
    return replay::run(trace, vsp, options, show);
  } catch (const bench::CheckFailed& error) {
    throw bench::CheckFailed(fmt::format("{}: {}", name, error.what()));
  } catch (const bench::OutOfResources& error) {
    throw std::runtime_error(fmt::format("{}: {}: {}", name, error.what(), kLower));
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(fmt::format("{}: {}", name, kLower));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", name, error.what()));
  }
}

int run_replay(ReplayArguments& arguments) {
  parse_times(arguments);
  if (!arguments.trace.empty()) expect_trace_kept(arguments.trace, replay::image_files(arguments.options));
  Progress progress;
  const trace::Trace trace = load(arguments, progress);
  replay::Options& options = arguments.options;
  options.plan = to_plan(arguments.plan);
  if (!options.service_time_ns && !trace.measured_completions) {
    options.service_time_ns = trace.service_time_ns.value_or(kDefaultServiceTimeNs);
  }
  const std::string& name = arguments.trace.empty() ? arguments.profile : arguments.trace;
  const VMBS_VSP& vsp = *vmbs_vsp_storvsp();
  const replay::Result result = replay_named(name, trace, vsp, options, progress);
  const nlohmann::ordered_json json = report::replay_json(
      {name, trace.format, trace.measured_completions, vsp.concurrent_callbacks != 0}, options, result);
  if (arguments.json) {
    // A trace's name need not be UTF-8, as JSON is.
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    fmt::print("{}", report::replay_text(json));
  }
  if (!result.difference.empty()) {
    std::fputs(fmt::format("vmbsave: {}\n", bench::one_line(name + ": " + result.difference)).c_str(), stderr);
  }
  return result.verified && result.restored ? kOk : kFailed;
}

}  // namespace

void add_replay(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand("replay", kReplayDescription);
  command->footer(kReplayExamples);
  const auto arguments = std::make_shared<ReplayArguments>();
  replay::Options& options = arguments->options;
  auto* const source = command->add_option_group("source");
  source->require_option(1);
  source
      ->add_option("--trace", arguments->trace,
                   "Open-CAS octf trace (directory, .tar or .tar.xz), vSCSI file or blktrace (file, directory, or NAME "
                   "of NAME.blktrace.N)")
      ->check(given());
  source->add_option("--profile", arguments->profile, "built-in profile: " + trace::profile_names())->check(given());
  command
      ->add_option("--service-time", arguments->service_time,
                   "time from submission to completion, e.g. 10ms; replaces measured ones")
      ->check(given());
  command
      ->add_option("--channels", options.channels,
                   "channels (per VM; in all with --one-cut); default: one for each submitting queue")
      ->transform(whole_number(1, packet::kMaxChannels));
  command->add_option("--replicate", options.replication.vms, "VMs that run the trace, an epoch each")
      ->transform(whole_number(1, 4096))
      ->capture_default_str();
  command->add_option("--shift", arguments->shift, "time between the starts of two VMs")->capture_default_str();
  command->add_flag("--one-cut", options.one_cut, "one epoch and one image for all VMs");
  command
      ->add_option("--save-at", arguments->save_at,
                   "when to save: 'peak' (most packets in use) or a time from the trace's start")
      ->capture_default_str();
  command->add_option("--threads", options.threads, "threads of a save")
      ->transform(whole_number(1, 1024))
      ->capture_default_str();
  command->add_option("--plan", arguments->plan, "how a save goes over its packets")
      ->check(given())
      ->check(CLI::IsMember({"exact", "fused", "auto"}))
      ->capture_default_str();
  command->add_option("--repeat", options.repeat, "timed saves, after a first one that is not counted")
      ->transform(whole_number(1, 10'000'000))
      ->capture_default_str();
  command
      ->add_option("--image", options.image_file, "write the image to FILE (FILE.0, FILE.1, ... with several epochs)")
      ->check(given());
  command->add_flag("--json", arguments->json, "JSON on standard output, nothing else");
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_replay(*arguments); }; });
}

}  // namespace vmbsave::cli
