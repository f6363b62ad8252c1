#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "harness/option_checks.hpp"
#include "report/compare.hpp"
#include "report/compare_output.hpp"
#include "report/run_age.hpp"

namespace vmbsave::cli {
namespace {

constexpr const char* kCompareDescription =
    "Compares two runs row by row: differences as ratios of B by A with 95 % intervals, judged by what was measured "
    "beside each sample in the same run. What it finds is no failure: exit code 0 compared, 2 not comparable.";

constexpr const char* kCompareExamples =
    "Examples:\n"
    "  vmbsave compare results/RUN build/bench/UTC      folders of runs\n"
    "  vmbsave compare before.json after.json           of vmbsave bench --out, or of vmbsave replay --json\n"
    "  vmbsave compare A B --only 'engine/fused.*threads:2'\n"
    "  vmbsave compare A B --across-machines --json     ratios alone; compare.schema.json";

struct CompareArguments {
  std::string a;
  std::string b;
  report::CompareOptions options;
  std::string source = ".";
  bool json = false;
};

bool wants_colour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == 0);
}

int run_compare(const CompareArguments& arguments) {
  const report::RunResults a = report::read_run(arguments.a);
  const report::RunResults b = report::read_run(arguments.b);
  report::Comparison comparison = report::compare_runs(a, b, arguments.options);
  for (report::ComparedSide* const side : {&comparison.a, &comparison.b}) {
    side->engine_commits_since = report::engine_commits_since(arguments.source, side->build.at("commit"));
  }
  if (arguments.json) {
    // A file's name may be of any bytes.
    fmt::print("{}\n", report::compare_json(comparison).dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", report::compare_table(comparison, wants_colour()));
  }
  return kOk;
}

}  // namespace

void add_compare(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand("compare", kCompareDescription);
  command->footer(kCompareExamples);
  const auto arguments = std::make_shared<CompareArguments>();
  command->add_option("A", arguments->a, "folder of a run, or one JSON file of it, also compressed (.json.xz)")
      ->required()
      ->check(given());
  command->add_option("B", arguments->b, "likewise: the one that is faster or slower")->required()->check(given());
  command->add_flag("--json", arguments->json, "prints JSON alone");
  command->add_flag("--across-machines", arguments->options.across_machines,
                    "also of different machines: compares only ratios to what was measured beside");
  command->add_option("--only", arguments->options.only, "only rows whose name this regular expression finds")
      ->check(given());
  command
      ->add_option("--source", arguments->source,
                   "a checkout of vmbsave: says how many commits have changed the engine since each run")
      ->check(given())
      ->capture_default_str();
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_compare(*arguments); }; });
}

}  // namespace vmbsave::cli
