#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "check/isolated.hpp"
#include "check/outputs.hpp"
#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/duration.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/output_files.hpp"
#include "harness/progress.hpp"
#include "report/json_file.hpp"
#include "vsp/blob/blob.h"
#include "vsp/netvsp/netvsp.h"
#include "vsp/plugin.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::cli {
namespace {

const Help kCheckHelp = {
    kJudge,
    "check",
    "do the callbacks of a VSP honour the contract?",
    "Calls them with buffers that notice what must not happen, saves and restores packets, and says what is wrong, "
    "where, and what to do. In a process of its own, so that a VSP may crash.",
    "  vmbsave check ./libmyvsp.so\n"
    "  vmbsave check ./libmyvsp.so --packets 4096 --callback-budget 50us --times\n"
    "  vmbsave check ./libmyvsp.so --only V18,V24 --json\n"
    "What each number means: engine/verify/README.md.\n",
    {{kOk, "nothing was found"},
     {kFailed, "something was"},
     {kBadInput, "it could not be checked, or not to the end"}}};

struct CheckArguments {
  std::string vsp;
  verify::Options options;
  std::optional<std::uint32_t> channels;  // without: as many as there are packets for, 2 at most
  std::string budget;
  std::string limit = "10s";
  std::string only;
  bool times = false;
  Output output;
  std::string junit;
};

// The VSPs that are built in; nullptr: none has that name.
const VMBS_VSP* built_in(const std::string& name) {
  constexpr UINT32 kMostState = 16384;
  if (name == "storvsp") return vmbs_vsp_storvsp();
  if (name == "netvsp") return vmbs_vsp_netvsp();
  return name == "blob" ? vmbs_vsp_blob(kMostState, 1) : nullptr;
}

// In the child: a shared object may end the process that loads it.
check::LoadedVsp load_vsp(const std::string& given) {
  if (const VMBS_VSP* const vsp = built_in(given); vsp != nullptr) return {vsp, nullptr};
  const auto plugin = std::make_shared<bench::Plugin>(given);
  return {&plugin->vsp(), plugin};
}

void expect_vsp(const std::string& given) {
  if (built_in(given) != nullptr || std::filesystem::exists(given)) return;
  throw std::runtime_error(
      fmt::format("no VSP '{}'; expected storvsp, netvsp, blob, or the path of a shared object", given));
}

std::uint64_t at_least_a_nanosecond(const std::string& option, const std::string& text) {
  const std::uint64_t ns = parse_duration(option, text);
  if (ns == 0) throw CLI::ValidationError(option, "no callback takes no time; give 1ns or more");
  return ns;
}

// What is said of a shared object says its name already.
[[noreturn]] void cannot_check(const std::string& given, const std::string& why) {
  throw std::runtime_error(why.starts_with(given) ? why : fmt::format("{}: {}", given, why));
}

check::Checked examine(CheckArguments& arguments) {
  const std::uint64_t limit = at_least_a_nanosecond("--timeout", arguments.limit);
  bench::Progress progress(arguments.output.quiet);
  const auto show = [&](std::uint64_t calls, std::uint64_t expected) { progress.show("check", calls, expected); };
  try {
    return check::examine_isolated([&] { return load_vsp(arguments.vsp); }, arguments.options,
                                   std::chrono::nanoseconds(limit), show);
  } catch (const std::runtime_error& error) {
    cannot_check(arguments.vsp, error.what());
  }
}

std::uint32_t channels_of(const CheckArguments& arguments) {
  const verify::Options& options = arguments.options;
  if (!arguments.channels) return std::min(options.channels, options.packets);
  if (*arguments.channels <= options.packets) return *arguments.channels;
  throw CLI::ValidationError("--channels", fmt::format("{} are more than the {} packets; give each channel a packet",
                                                       *arguments.channels, options.packets));
}

// Nothing was found, and not all was looked at: that is no "all is well".
int exit_code(const check::Checked& checked) {
  const verify::Report& report = checked.report;
  if (!report.findings.empty()) return kFailed;
  if (report.left_out.empty()) return kOk;
  const std::string why =
      fmt::format("{}: could not be checked to the end: {}", checked.given, report.left_out.front());
  std::fputs(("vmbsave check: " + bench::one_line(why) + "\n").c_str(), stderr);
  return kBadInput;
}

int run_check(CheckArguments& arguments) {
  expect_vsp(arguments.vsp);
  if (!arguments.budget.empty()) {
    arguments.options.callback_budget_ns = at_least_a_nanosecond("--callback-budget", arguments.budget);
  }
  const auto only =
      arguments.only.empty() ? std::vector<verify::Check>() : check::parse_checks("--only", arguments.only);
  bench::expect_usable({{"--out", arguments.output.out}, {"--junit", arguments.junit}}, {arguments.vsp});
  arguments.options.channels = channels_of(arguments);
  check::Checked checked = examine(arguments);
  checked.given = arguments.vsp;
  checked.only = only;
  check::keep_what_counts(checked);
  give(arguments.output, check::check_json(checked, arguments.times), check::check_text(checked, arguments.times));
  if (!arguments.junit.empty()) report::write_text(arguments.junit, check::check_junit(checked));
  return exit_code(checked);
}

}  // namespace

void add_check(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kCheckHelp);
  const auto arguments = std::make_shared<CheckArguments>();
  verify::Options& options = arguments->options;
  command->add_option("VSP", arguments->vsp, "a shared object (vmbsave/vsp.h), or storvsp, netvsp, blob")
      ->required()
      ->check(given());
  command->add_option("--packets", options.packets, "in use at once, over all channels")
      ->type_name("N")
      ->transform(whole_number(1, 1u << 20))
      ->capture_default_str();
  command->add_option("--channels", arguments->channels, "of the virtual machine; without: 2")
      ->type_name("N")
      ->transform(whole_number(1, verify::kMaxChannels));
  command->add_option("--seed", options.seed, "of the requests; the same seed, the same requests")
      ->type_name("N")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  command
      ->add_option("--threads", options.threads, "that save at once; without: as many as there are processors, 2 to 8")
      ->type_name("N")
      ->transform(whole_number(1, verify::kMaxThreads));
  command
      ->add_option("--callback-budget", arguments->budget, "longest that a callback may take for a packet, e.g. 50us")
      ->type_name("TIME")
      ->check(given());
  command->add_option("--timeout", arguments->limit, "for how long nothing may go on, e.g. 2min")
      ->type_name("TIME")
      ->check(given())
      ->capture_default_str();
  command->add_option("--only", arguments->only, "findings that count, e.g. V03,V12")
      ->type_name("V..,V..")
      ->check(given());
  command->add_flag("--times", arguments->times, "also what packets cost, by size of state, and the slowest ones");
  add_output_options(*command, arguments->output);
  command->add_option("--junit", arguments->junit, "write JUnit's XML to FILE, a test case for each check")
      ->type_name("FILE")
      ->check(given());
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_check(*arguments); }; });
}

}  // namespace vmbsave::cli
