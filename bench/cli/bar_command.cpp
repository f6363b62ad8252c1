#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "harness/option_checks.hpp"
#include "report/bar.hpp"
#include "report/json_file.hpp"

namespace vmbsave::cli {
namespace {

int run_bar(const std::string& file) {
  const nlohmann::ordered_json json = report::read_json(file);
  std::vector<report::BarLine> lines;
  try {
    if (json.at("schema") != "vmbsave-bench-1") throw std::runtime_error("");
    lines = report::bar_lines(json);
  } catch (const std::exception&) {
    throw std::runtime_error(fmt::format("{}: expected the JSON of 'vmbsave bench --suite=bar --out=FILE'", file));
  }
  fmt::print("{}", report::bar_table(lines));
  for (const report::BarLine& line : lines) {
    if (!line.holds()) return kFailed;
  }
  return kOk;
}

}  // namespace

void add_bar(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand(
      "bar",
      "Judges a run of the suite bar: what the engine is held to, line by line. Exits 1 if a line does not hold.");
  const auto file = std::make_shared<std::string>();
  command->add_option("FILE", *file, "JSON of vmbsave-bench, also compressed (.json.xz)")->required()->check(given());
  command->callback([file, &chosen] { chosen = [file] { return run_bar(*file); }; });
}

}  // namespace vmbsave::cli
