#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/option_checks.hpp"
#include "report/bar.hpp"
#include "report/json_file.hpp"

namespace vmbsave::cli {
namespace {

const Help kBarHelp = {
    kJudge,
    "bar",
    "is a run of the suite bar as good as what the engine is held to?",
    "Prints each line with its 95 % interval and its verdict. bench/run --bar measures such a run and judges it.",
    "  vmbsave bench --suite=bar --out=bar.json && vmbsave bar bar.json\n"
    "  vmbsave bar bar.json.xz --json\n",
    {{kOk, "every line holds"}, {kFailed, "a line does not hold"}, {kBadInput, "no such run"}}};

// Of the others nearly each line would be without its rows, as if it did not hold.
bool has_rows_of_bar(const std::string& suite) { return suite == "bar" || suite == "full"; }

int run_bar(const std::string& file, const Output& output) {
  expect_usable(output, {file});
  const nlohmann::ordered_json json = report::read_json(file);
  std::vector<report::BarLine> lines;
  std::string suite;
  try {
    if (json.at("schema") != "vmbsave-bench-1") throw std::runtime_error("");
    suite = json.at("suite").get<std::string>();
    lines = report::bar_lines(json);
  } catch (const std::exception&) {
    throw std::runtime_error(fmt::format("{}: expected the JSON of 'vmbsave bench --suite=bar --out=FILE'", file));
  }
  if (!has_rows_of_bar(suite)) {
    throw std::runtime_error(
        fmt::format("{}: suite {}: the bar is asked of --suite=bar; run bench/run --bar", file, suite));
  }
  give(output, report::bar_json(lines), report::bar_table(lines));
  for (const report::BarLine& line : lines) {
    if (!line.holds()) return kFailed;
  }
  return kOk;
}

}  // namespace

void add_bar(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kBarHelp);
  const auto file = std::make_shared<std::string>();
  const auto output = std::make_shared<Output>();
  command->add_option("FILE", *file, "JSON of vmbsave bench, also compressed (.json.xz)")->required()->check(given());
  add_output_options(*command, *output);
  command->callback([=, &chosen] { chosen = [=] { return run_bar(*file, *output); }; });
}

}  // namespace vmbsave::cli
