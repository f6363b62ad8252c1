#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/option_checks.hpp"
#include "harness/terminal.hpp"
#include "report/compare.hpp"
#include "report/compare_output.hpp"
#include "report/json_file.hpp"
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

// What a result lacks, or has of another kind, is its damage.
report::Comparison compared(const report::RunResults& a, const report::RunResults& b,
                            const report::CompareOptions& options) {
  try {
    return report::compare_runs(a, b, options);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(
        fmt::format("{}, {}: one is no result of vmbsave, or damaged: {}", a.name, b.name, report::json_fault(error)));
  }
}

int run_compare(const CompareArguments& arguments) {
  const report::RunResults a = report::read_run(arguments.a);
  const report::RunResults b = report::read_run(arguments.b);
  std::vector<std::string> inputs;
  for (const report::RunResults* const run : {&a, &b}) {
    for (const report::NamedResult& result : run->results) inputs.push_back(result.file);
  }
  expect_usable(arguments.output, inputs);
  report::Comparison comparison = compared(a, b, arguments.options);
  for (report::ComparedSide* const side : {&comparison.a, &comparison.b}) {
    const nlohmann::ordered_json& commit = side->build.at("commit");
    if (!commit.is_string()) continue;
    side->engine_commits_since = report::engine_commits_since(arguments.checkout, commit.get<std::string>());
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
