#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "report/doctor_findings.hpp"
#include "report/system_files.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// Read without a system call. By name, as a slow clock may look fast once; by cost, as a good name may be slow in a
// guest.
Finding clock_source(const Json& machine, const ProcessFacts& process) {
  constexpr std::array<std::string_view, 4> kFast = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page",
                                                     "arch_sys_counter"};
  constexpr std::uint64_t kSlowNs = 100;
  const Json& source = machine.at("clock_source");
  const std::string name = source.is_null() ? "unknown" : source.get<std::string>();
  const std::string found = fmt::format("{}, {} ns a reading", name, process.clock_read_ns);
  const bool is_fast = std::find(kFast.begin(), kFast.end(), name) != kFast.end();
  if (is_fast && process.clock_read_ns <= kSlowNs) return {"clock source", Level::kOk, found};
  return {"clock source", Level::kWarn, found, "each reading of the clock costs what short operations take themselves",
          "boot with clocksource=tsc, or kvm-clock in a guest"};
}

Finding governor(const Json& machine) {
  const Json& name = machine.at("governor");
  if (name.is_null()) {
    return {"governor", Level::kWarn,
            machine.at("hypervisor").is_null() ? "unknown" : "unknown, the hypervisor decides",
            "the clock rate may change during a run, unseen", "compare within a run only, by its ratios"};
  }
  if (name == "performance") return {"governor", Level::kOk, name};
  return {"governor", Level::kWarn, name, "the clock rate follows the load, so that the first saves are slower",
          "cpupower frequency-set -g performance"};
}

// Nothing where the system does not show it.
std::vector<Finding> turbo(const fs::path& root) {
  const fs::path cpus = root / "sys/devices/system/cpu";
  const auto no_turbo = read_line(cpus / "intel_pstate/no_turbo");
  const auto boost = read_line(cpus / "cpufreq/boost");
  if (!no_turbo && !boost) return {};
  const bool is_on = no_turbo ? *no_turbo == "0" : *boost == "1";
  if (!is_on) return {{"turbo", Level::kOk, "off"}};
  return {{"turbo", Level::kWarn, "on", "the clock rate depends on the temperature and on the other cores",
           no_turbo ? "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo"
                    : "echo 0 > /sys/devices/system/cpu/cpufreq/boost"}};
}

Finding smt(const fs::path& root) {
  const auto active = read_line(root / "sys/devices/system/cpu/smt/active");
  if (active == "0") return {"SMT", Level::kOk, "none seen"};
  return {"SMT", Level::kWarn, active ? "on" : "unknown",
          "two threads may share a core, and take longer than on two of them",
          "echo off > /sys/devices/system/cpu/smt/control"};
}

Finding cpus(const Json& machine) {
  const Json& allowed = machine.at("cpus_allowed");
  if (allowed.is_null()) {
    return {"CPUs", Level::kWarn, "unknown", "how many threads run at once is not known", "mount /proc"};
  }
  const Json& online = machine.at("cpus_online");
  const std::string found = fmt::format("{} of {}", allowed.dump(), online.is_null() ? "?" : online.dump());
  if (allowed > 1) return {"CPUs", Level::kOk, found};
  return {"CPUs", Level::kWarn, found, "threads take turns: no row of two threads or more says anything",
          "allow two CPUs or more (taskset, cpuset)"};
}

Finding quota(const Json& machine) {
  const Json& quota = machine.at("cpu_quota");
  if (quota.is_null()) return {"CPU quota", Level::kOk, "none"};
  const auto cpus = quota.get<double>();
  const Json& allowed = machine.at("cpus_allowed");
  const std::string found = fmt::format("{:.2f} CPUs of {}", cpus, allowed.is_null() ? "?" : allowed.dump());
  constexpr const char* kFix = "raise cpu.max of the cgroup (docker: --cpus)";
  if (cpus < 1) return {"CPU quota", Level::kFail, found, "even one thread is stopped in the middle of saves", kFix};
  if (allowed.is_number() && cpus >= allowed.get<double>()) return {"CPU quota", Level::kOk, found};
  return {"CPU quota", Level::kWarn, found, "with as many threads as CPUs, all are stopped in the middle of saves",
          kFix};
}

Finding pmu(const ProcessFacts& process, const fs::path& root) {
  constexpr const char* kEffect = "instructions and cache misses cannot be counted, only times be taken";
  switch (process.counter_error) {
    case 0:
      return {"PMU", Level::kOk, "counts instructions"};
    case EACCES:
    case EPERM:
      return {"PMU", Level::kWarn,
              fmt::format("not allowed, perf_event_paranoid {}",
                          read_line(root / "proc/sys/kernel/perf_event_paranoid").value_or("unknown")),
              kEffect, "sysctl kernel.perf_event_paranoid=2; in a container, a seccomp profile with perf_event_open"};
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
      return {"PMU", Level::kWarn, "none", kEffect, "a machine that shows its PMU, or callgrind"};
    default:
      return {"PMU", Level::kWarn, std::strerror(process.counter_error), kEffect, "a kernel with perf events"};
  }
}

}  // namespace

std::vector<Finding> processor_findings(const Json& machine, const ProcessFacts& process, const fs::path& root) {
  std::vector<Finding> findings = {clock_source(machine, process), governor(machine)};
  for (Finding& finding : turbo(root)) findings.push_back(std::move(finding));
  findings.insert(findings.end(), {smt(root), cpus(machine), quota(machine), pmu(process, root)});
  return findings;
}

}  // namespace vmbsave::report
