#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/option_checks.hpp"
#include "report/json_file.hpp"
#include "report/results_table.hpp"
#include "report/run_results.hpp"

namespace vmbsave::cli {
namespace {

const Help kTableHelp = {
    kLook,
    "table",
    "results of benchmarks and of replays as tables",
    "A table for each run of 'vmbsave bench', and one for all replays.",
    "  vmbsave table bench.json replay-1.json replay-2.json\n"
    "  vmbsave table build/bench/UTC                    all of a run's that have one\n"
    "  vmbsave table bench.json.xz --json               the runs themselves, unpacked, in one JSON\n",
    {{kOk, "printed"}, {kBadInput, "a file is no result"}}};

// Of a folder those that have a table; a file that is named is one, or refused.
std::vector<report::NamedResult> results_of(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return {{path, report::read_json(path)}};
  std::vector<report::NamedResult> results = report::read_run(path).results;
  std::erase_if(results, [](const report::NamedResult& result) { return !report::has_table(result.json); });
  if (results.empty()) throw std::runtime_error(fmt::format("{}: no result in it has a table", path));
  return results;
}

int run_table(const std::vector<std::string>& paths, const Output& output) {
  std::vector<report::NamedResult> named;
  for (const std::string& path : paths) {
    for (report::NamedResult& result : results_of(path)) named.push_back(std::move(result));
  }
  std::vector<std::string> inputs;
  for (const report::NamedResult& result : named) inputs.push_back(result.file);
  expect_usable(output, inputs);
  report::ResultsTable table;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const auto& [file, json] : named) {
    try {
      table.add(json);
      results.push_back({{"file", file}, {"result", json}});
    } catch (const nlohmann::json::exception&) {
      throw std::runtime_error(
          fmt::format("{}: expected the JSON of 'vmbsave replay --json' or 'vmbsave bench --out=FILE'", file));
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: {}", file, error.what()));
    }
  }
  std::string text = table.text();
  // What a file says is not to steer the terminal.
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' && c != '\n'; }, '?');
  give(output, {{"schema", "vmbsave-table-1"}, {"results", results}}, text);
  return kOk;
}

}  // namespace

void add_table(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kTableHelp);
  const auto output = std::make_shared<Output>();
  const auto files = std::make_shared<std::vector<std::string>>();
  command
      ->add_option("FILE", *files,
                   "folder of a run, or JSON of vmbsave bench or of a replay, also compressed (.json.xz)")
      ->required()
      ->check(given());
  add_output_options(*command, *output);
  command->callback([=, &chosen] { chosen = [=] { return run_table(*files, *output); }; });
}

}  // namespace vmbsave::cli
