#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "report/bench_table.hpp"
#include "report/replay_report.hpp"

namespace vmbsave::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Results {
  std::vector<Json> replays;
  std::string bench_tables;
};

Json read_json(const std::string& file) {
  std::ifstream in(file);
  in.exceptions(std::ifstream::badbit);
  return Json::parse(in);
}

void add(Results& results, const Json& json) {
  if (json.at("schema") == "vmbsave-bench-1") {
    results.bench_tables += (results.bench_tables.empty() ? "" : "\n") + report::bench_table(json);
  } else {
    (void)report::replay_table({json});
    results.replays.push_back(json);
  }
}

int run(const std::vector<std::string>& files) {
  Results results;
  for (const std::string& file : files) {
    try {
      add(results, read_json(file));
    } catch (const std::exception&) {
      throw std::runtime_error(
          fmt::format("{}: expected the JSON of 'vmbsave replay --json' or 'vmbsave bench --out=FILE'", file));
    }
  }
  if (!results.replays.empty()) fmt::print("{}", report::replay_table(results.replays));
  if (!results.replays.empty() && !results.bench_tables.empty()) fmt::print("\n");
  fmt::print("{}", results.bench_tables);
  return kOk;
}

}  // namespace

void add_table(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand(
      "table", "Prints the results of replays as one table, and those of benchmarks as a table each.");
  const auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("FILE", *files, "JSON of a replay or of vmbsave-bench")->required();
  command->callback([files, &chosen] { chosen = [files] { return run(*files); }; });
}

}  // namespace vmbsave::cli
