#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/option_checks.hpp"
#include "harness/terminal.hpp"
#include "report/compare.hpp"
#include "report/compare_output.hpp"
#include "report/run_age.hpp"

namespace vmbsave::cli {
namespace {

const Help kCompareHelp = {
    kJudge,
    "compare",
    "compares two runs row by row, each difference with its interval",
    "Differences are ratios of B by A with 90 % intervals, judged by what was measured beside each sample in the same "
    "run. What it finds is no failure.",
    "  vmbsave compare results/RUN build/bench/UTC      folders of runs\n"
    "  vmbsave compare before.json after.json           of vmbsave bench --out, or of vmbsave replay --json\n"
    "  vmbsave compare A B --only 'engine/fused.*threads:2'\n"
    "  vmbsave compare A B --across-machines --json     ratios alone; compare.schema.json\n",
    {{kOk, "compared, whatever was found"}, {kBadInput, "the runs can't be compared"}}};

struct CompareArguments {
  std::string a;
  std::string b;
  report::CompareOptions options;
  std::string checkout = ".";
  Output output;
};

int run_compare(const CompareArguments& arguments) {
  expect_usable(arguments.output, {arguments.a, arguments.b});
  const report::RunResults a = report::read_run(arguments.a);
  const report::RunResults b = report::read_run(arguments.b);
  report::Comparison comparison = report::compare_runs(a, b, arguments.options);
  for (report::ComparedSide* const side : {&comparison.a, &comparison.b}) {
    side->engine_commits_since = report::engine_commits_since(arguments.checkout, side->build.at("commit"));
  }
  give(arguments.output, report::compare_json(comparison),
       report::compare_table(comparison, bench::wants_colour(STDOUT_FILENO)));
  return kOk;
}

}  // namespace

void add_compare(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kCompareHelp);
  const auto arguments = std::make_shared<CompareArguments>();
  command->add_option("A", arguments->a, "folder of a run, or one JSON file of it, also compressed (.json.xz)")
      ->required()
      ->check(given());
  command->add_option("B", arguments->b, "likewise: the one that is faster or slower")->required()->check(given());
  add_output_options(*command, arguments->output);
  command->add_flag("--across-machines", arguments->options.across_machines,
                    "also of different machines: compares only ratios to what was measured beside");
  command->add_option("--only", arguments->options.only, "only rows whose name this regular expression finds")
      ->type_name("REGEX")
      ->check(given());
  add_checkout_option(*command, arguments->checkout);
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_compare(*arguments); }; });
}

}  // namespace vmbsave::cli
