#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "report/json_file.hpp"
#include "report/results_table.hpp"

namespace vmbsave::cli {
namespace {

int run(const std::vector<std::string>& files) {
  report::ResultsTable table;
  for (const std::string& file : files) {
    try {
      table.add(report::read_json(file));
    } catch (const nlohmann::json::exception&) {
      throw std::runtime_error(
          fmt::format("{}: expected the JSON of 'vmbsave replay --json' or 'vmbsave bench --out=FILE'", file));
    }
  }
  fmt::print("{}", table.text());
  return kOk;
}

}  // namespace

void add_table(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand(
      "table", "Prints the results of benchmarks as a table each, and those of replays as one table.");
  const auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("FILE", *files, "JSON of vmbsave-bench or of a replay, also compressed (.json.xz)")->required();
  command->callback([files, &chosen] { chosen = [files] { return run(*files); }; });
}

}  // namespace vmbsave::cli
