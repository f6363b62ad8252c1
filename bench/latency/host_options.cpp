#include "latency/host_options.hpp"

#include <CLI/CLI.hpp>

#include "harness/duration.hpp"
#include "harness/option_checks.hpp"
#include "latency/host_suite.hpp"
#include "latency/suite_flags.hpp"

namespace vmbsave::bench {
namespace {

constexpr const char* kHostFlags[] = {"--vms", "--packets", "--deadline", "--memory-budget"};
constexpr std::uint32_t kMostVms = 4096;
constexpr std::uint32_t kMostPackets = 1u << 16;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;

}  // namespace

void add_host_options(CLI::App& app, HostOptions& options) {
  app.add_option("--vms", options.vms)->transform(cli::whole_number(1, kMostVms));
  app.add_option("--packets", options.packets)->transform(cli::whole_number(1, kMostPackets));
  app.add_option_function<std::string>("--deadline", [&options](const std::string& text) {
    options.deadline_ns = cli::parse_duration("--deadline", text);
    if (options.deadline_ns == 0) throw CLI::ValidationError("--deadline", "give 1ns or more");
  });
  app.add_option("--memory-budget", options.memory_budget)
      ->transform(CLI::AsSizeValue(false) & CLI::Range(std::uint64_t{1}, kMostBytes));
}

std::string host_options_fault(const CLI::App& app, const std::string& suite) {
  return flags_fault(app, suite, kHostSuite, kHostFlags);
}

}  // namespace vmbsave::bench
