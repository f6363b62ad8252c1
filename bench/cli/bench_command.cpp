#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "cli/bench_program.hpp"
#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "harness/bench_name.hpp"

namespace vmbsave::cli {
namespace {

// Gives the process to vmbsave-bench, which lies beside this program.
int run_bench(std::vector<std::string> arguments) {
  const std::filesystem::path program = bench_program();
  arguments.insert(arguments.begin(), program.string());
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  setenv(bench::kBenchNameVariable, "", 1);
  execv(program.c_str(), words.data());
  throw std::runtime_error(fmt::format("cannot run {}: {}; it is built where Google Benchmark is installed",
                                       program.string(), std::strerror(errno)));
}

}  // namespace

void add_bench(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand("bench", "how long saves take at scale, beside what others would do");
  command->group(kMeasure);
  command->set_help_flag();
  command->prefix_command();
  command->callback([command, &chosen] { chosen = [command] { return run_bench(command->remaining()); }; });
}

}  // namespace vmbsave::cli
