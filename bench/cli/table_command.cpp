#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "harness/option_checks.hpp"
#include "report/json_file.hpp"
#include "report/results_table.hpp"

namespace vmbsave::cli {
namespace {

int run_table(const std::vector<std::string>& files) {
  report::ResultsTable table;
  for (const std::string& file : files) {
    const nlohmann::ordered_json json = report::read_json(file);
    try {
      table.add(json);
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
  fmt::print("{}", text);
  return kOk;
}

}  // namespace

void add_table(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand(
      "table", "Prints the results of benchmarks as a table each, and those of replays as one table.");
  const auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("FILE", *files, "JSON of vmbsave-bench or of a replay, also compressed (.json.xz)")
      ->required()
      ->check(given());
  command->callback([files, &chosen] { chosen = [files] { return run_table(*files); }; });
}

}  // namespace vmbsave::cli
