#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "report/replay_report.hpp"

namespace vmbsave::cli {
namespace {

nlohmann::ordered_json read_json(const std::string& file) {
  std::ifstream in(file);
  in.exceptions(std::ifstream::badbit);
  return nlohmann::ordered_json::parse(in);
}

int run(const std::vector<std::string>& files) {
  std::vector<nlohmann::ordered_json> replays;
  for (const std::string& file : files) {
    try {
      replays.push_back(read_json(file));
      (void)report::replay_table({replays.back()});
    } catch (const std::exception&) {
      throw std::runtime_error(fmt::format("{}: expected the JSON that 'vmbsave replay --json' prints", file));
    }
  }
  fmt::print("{}", report::replay_table(replays));
  return kOk;
}

}  // namespace

void add_table(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand("table", "Prints the results of several replays as one table.");
  const auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("FILE", *files, "JSON of a replay")->required();
  command->callback([files, &chosen] { chosen = [files] { return run(*files); }; });
}

}  // namespace vmbsave::cli
