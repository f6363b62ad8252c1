#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/profile_source.hpp"
#include "cli/service_time.hpp"
#include "cli/trace_kept.hpp"
#include "cli/trace_source.hpp"
#include "harness/duration.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/output_files.hpp"
#include "harness/progress.hpp"
#include "packet/vm.hpp"
#include "report/replay_report.hpp"
#include "scenarios/replay/frames.hpp"
#include "scenarios/replay/replay.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "trace/profile.hpp"
#include "trace/trace.hpp"
#include "vsp/exit_guard.hpp"
#include "vsp/netvsp/netvsp.h"
#include "vsp/plugin.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::cli {
namespace {

const Help kReplayHelp = {
    kMeasure,
    "replay",
    "replays a trace, saves at its peak, restores, and checks every byte",
    "A storage trace, or the frames of a capture, runs in virtual time and is stopped; every packet in use is saved, "
    "compared with the trace byte for byte, restored into fresh channels and compared again.",
    "  vmbsave replay --trace sample_trace.tar.xz\n"
    "  vmbsave replay --trace disk.vscsi --service-time 1ms --threads 2\n"
    "  vmbsave replay --trace disk.vscsi --replicate 64 --shift 0s --one-cut --channels 16 --json > replay.json\n"
    "  vmbsave replay --trace hm_0.csv --format msr --channels 4\n"
    "  vmbsave replay --trace smb2.pcap --service-time 500us\n"
    "  vmbsave replay --profile cloudphysics --vsp ./libmyvsp.so\n"
    "Octf, blktrace, MSR and vSCSI version 2 traces hold measured completions. The others have none, so a request\n"
    "completes one service time after it was submitted (10ms unless given).\n"
    "A capture shows frames and no completions: each is in use for one service time (1ms unless given), and one that\n"
    "the guest sent for one completion delay more (2ms unless given).\n",
    {{kOk, "verified and restored"},
     {kFailed, "a difference was found"},
     {kBadInput, "the trace cannot be read or replayed, or a file not be written"}}};

struct ReplayArguments {
  TraceSource trace;
  std::string profile;
  std::string vsp;  // a shared object; empty: storvsp or netvsp
  std::string service_time;
  std::string completion_delay;
  std::string shift = "1ms";
  std::string save_at = "peak";
  std::string plan = plan_name(SavePlan::kAuto);
  Output output;
  replay::Options options;
};

constexpr const char* kLower = "more than this machine has memory or mappings for; lower --channels or --replicate";
// Of frames. With a delay as long as the service time assumed of them a burst may still be at its peak when none of it
// is carried out: with twice that, each capture that was tried has transmits of both kinds there, in flight and
// settled.
constexpr std::uint64_t kFrameCompletionDelayNs = 2'000'000;

trace::Trace load(const ReplayArguments& arguments, bench::Progress& progress) {
  if (arguments.trace.path.empty()) return trace::generate(read_profile(arguments.profile));
  return read_trace(arguments.trace, progress);
}

void parse_times(ReplayArguments& arguments) {
  replay::Options& options = arguments.options;
  options.replication.shift_ns = parse_duration("--shift", arguments.shift);
  options.service_time_ns = parse_service_time(arguments.service_time);
  if (!arguments.completion_delay.empty()) {
    options.completion_delay_ns = parse_duration("--completion-delay", arguments.completion_delay);
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

// What the trace itself does not say of times.
void assume_delay(const ReplayArguments& arguments, bool frames, const VMBS_VSP& vsp, replay::Options& options) {
  const bool holds_back = vsp.settle != nullptr;
  if (frames && !holds_back && !arguments.completion_delay.empty()) {
    throw std::runtime_error(
        fmt::format("--completion-delay: {} holds no completion back (it has no settle); leave it out", vsp.name));
  }
  if (frames && holds_back && arguments.completion_delay.empty()) options.completion_delay_ns = kFrameCompletionDelayNs;
  if (!frames && !arguments.completion_delay.empty()) {
    throw std::runtime_error("--completion-delay is for frames, and the trace has none; leave it out");
  }
}

const VMBS_VSP& own_vsp(bool frames) { return frames ? *vmbs_vsp_netvsp() : *vmbs_vsp_storvsp(); }

// What cannot be replayed is told with the trace's name.
template <typename Step>
auto told_of(const std::string& name, Step&& step) try {
  return step();
} catch (const bench::CheckFailed& error) {
  throw bench::CheckFailed(fmt::format("{}: {}", name, error.what()));
} catch (const bench::OutOfResources& error) {
  throw std::runtime_error(fmt::format("{}: {}: {}", name, error.what(), kLower));
} catch (const bench::DeviceFull& error) {
  throw std::runtime_error(
      fmt::format("{}: {}; take a shorter --service-time, or fewer VMs in one cut", name, error.what()));
} catch (const std::bad_alloc&) {
  throw std::runtime_error(fmt::format("{}: {}", name, kLower));
} catch (const std::runtime_error& error) {
  throw std::runtime_error(fmt::format("{}: {}", name, error.what()));
}

int run_replay(ReplayArguments& arguments) {
  parse_times(arguments);
  if (arguments.trace.path.empty() && arguments.profile.empty()) throw CLI::RequiredError("--trace or --profile");
  const std::string& name = arguments.trace.path.empty() ? arguments.profile : arguments.trace.path;
  const bool is_file = arguments.profile.empty() || is_profile_file(name);
  const Output& output = arguments.output;
  if (is_file) expect_trace_kept("--image", name, replay::image_files(arguments.options));
  if (is_file && !output.out.empty()) expect_trace_kept("--out", name, {output.out});
  std::vector<std::string> others = replay::image_files(arguments.options);
  for (const std::string& image : others) bench::expect_usable({{"--image", image}}, {arguments.vsp});
  others.push_back(arguments.vsp);
  expect_usable(output, others);
  std::optional<bench::ExitGuard> guard;
  std::optional<bench::Plugin> plugin;  // before minutes of reading
  if (!arguments.vsp.empty()) {
    guard.emplace("vmbsave replay", arguments.vsp);
    plugin.emplace(arguments.vsp);
  }
  bench::Progress progress(output.quiet);
  const trace::Trace trace = load(arguments, progress);
  replay::Options& options = arguments.options;
  options.plan = to_plan(arguments.plan);
  const bool frames = told_of(name, [&] { return replay::holds_frames(trace); });
  options.service_time_ns = service_time(trace, options.service_time_ns);
  const VMBS_VSP& vsp = plugin ? plugin->vsp() : own_vsp(frames);
  assume_delay(arguments, frames, vsp, options);
  const auto show = [&](const char* step, std::uint64_t done, std::uint64_t total) {
    progress.show(step, done, total);
  };
  const replay::Result result = told_of(name, [&] { return replay::run(trace, vsp, options, show); });
  progress.end();
  const nlohmann::ordered_json json = report::replay_json(
      {name, trace.format, vsp.name, trace.measured_completions, vsp.concurrent_callbacks != 0}, options, result);
  give(output, json, report::replay_text(json));
  if (!result.difference.empty()) {
    std::fputs(fmt::format("vmbsave replay: {}\n", bench::one_line(name + ": " + result.difference)).c_str(), stderr);
  }
  return result.verified && result.restored ? kOk : kFailed;
}

}  // namespace

void add_replay(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kReplayHelp);
  const auto arguments = std::make_shared<ReplayArguments>();
  replay::Options& options = arguments->options;
  auto* const trace =
      command
          ->add_option("--trace", arguments->trace.path,
                       "Open-CAS octf (directory, .tar or .tar.xz), blktrace (file, directory, or NAME of "
                       "NAME.blktrace.N), vSCSI, fio iolog, MSR CSV, MQSim ASCII, pcap or pcapng; this or --profile")
          ->type_name("FILE")
          ->check(given());
  command
      ->add_option("--profile", arguments->profile,
                   "a profile's file, NAME.json, or a built-in one: " + trace::profile_names())
      ->type_name("NAME")
      ->excludes(trace)
      ->check(given());
  add_trace_options(*command, trace, arguments->trace);
  command
      ->add_option(
          "--vsp", arguments->vsp,
          "a VSP's shared object (vmbsave/vsp.h), which gets the requests or frames instead of storvsp or netvsp")
      ->type_name("FILE")
      ->check(given());
  command
      ->add_option("--service-time", arguments->service_time,
                   "time from submission to completion, e.g. 10ms; replaces measured ones")
      ->type_name("TIME")
      ->check(given());
  command
      ->add_option("--completion-delay", arguments->completion_delay,
                   "of frames: how long a transmit's completion is held back when it was carried out, e.g. 2ms")
      ->type_name("TIME")
      ->check(given());
  command
      ->add_option("--channels", options.channels,
                   "of each VM, or in all with --one-cut; without: one for each submitting queue")
      ->type_name("N")
      ->transform(whole_number(1, packet::kMaxChannels));
  command->add_option("--replicate", options.replication.vms, "VMs that run the trace, an epoch each")
      ->type_name("N")
      ->transform(whole_number(1, 4096))
      ->capture_default_str();
  command->add_option("--shift", arguments->shift, "time between the starts of two VMs")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_flag("--one-cut", options.one_cut, "one epoch and one image for all VMs");
  command
      ->add_option("--save-at", arguments->save_at,
                   "when to save: 'peak' (most packets in use) or a time from the trace's start")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_option("--threads", options.threads, "threads of a save")
      ->type_name("N")
      ->transform(whole_number(1, 1024))
      ->capture_default_str();
  command->add_option("--plan", arguments->plan, "how a save goes over its packets")
      ->check(given())
      ->check(CLI::IsMember({"exact", "fused", "auto"}))
      ->capture_default_str();
  command->add_option("--repeat", options.repeat, "timed saves, after a first one that is not counted")
      ->type_name("N")
      ->transform(whole_number(1, 10'000'000))
      ->capture_default_str();
  command
      ->add_option("--image", options.image_file, "write the image to FILE (FILE.0, FILE.1, ... with several epochs)")
      ->type_name("FILE")
      ->check(given());
  add_output_options(*command, arguments->output);
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_replay(*arguments); }; });
}

}  // namespace vmbsave::cli
