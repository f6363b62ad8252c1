#include "gate/processes.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <nlohmann/json.hpp>

#include "gate/child.hpp"

namespace vmbsave::gate {
namespace {

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;  // more CPUs than the set holds: bound to none
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

Processes::Processes(std::filesystem::path program, Sides sides, std::uint64_t seed)
    : program_(std::move(program)), sides_(std::move(sides)), random_(seed), cpus_(allowed_cpus()) {}

Slices Processes::measure(const CaseName& gate_case, bool reversed, LoadedSide loaded) {
  std::vector<std::string> arguments = {
      program_.string(), "gate-slices",  "--base", sides_.base.string(),     "--head", sides_.head.string(),
      "--case",          gate_case.name, "--seed", std::to_string(random_())};
  const std::size_t number = measured_[gate_case.name]++;  // of its own: else a case would always meet one CPU
  if (gate_case.threads == 1 && !cpus_.empty()) {
    const std::size_t at = (number + (reversed ? 1 : 0)) % cpus_.size();
    arguments.insert(arguments.end(), {"--cpu", std::to_string(cpus_[at])});
  }
  if (loaded == LoadedSide::kHead) arguments.push_back("--load-head");
  std::vector<std::string> environment = own_environment();
  constexpr std::uint64_t kMostPadding = 4096;  // where the stack begins moves with it
  environment.push_back("VMBSAVE_GATE_PADDING=" + std::string(random_() % kMostPadding, 'x'));
  const ChildResult result =
      run_child({.arguments = std::move(arguments), .environment = std::move(environment), .folder = {}, .log = {}});
  if (result.exit_code != 0) throw SideFailed(fmt::format("{}: {}", gate_case.name, failure_text(result)));
  return slices_of(json_of(result));
}

}  // namespace vmbsave::gate
