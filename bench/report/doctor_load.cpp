#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "report/doctor_findings.hpp"
#include "report/system_files.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kUnknown = "unknown";
constexpr const char* kLoadIsHidden = "what others do on this machine cannot be seen";
constexpr const char* kStopOthers = "stop what else runs, and wait a minute";

std::optional<double> number(const std::string& text) {
  std::istringstream in(text);
  double value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

// Of the last minute, and of the whole machine: with half a CPU's work for each CPU, saves wait for others.
Finding load(const Json& machine, const fs::path& root) {
  constexpr double kMostForEachCpu = 0.5;
  const auto average = number(read_line(root / "proc/loadavg").value_or(""));
  const Json& cpus = machine.at("cpus_online");
  if (!average || cpus.is_null()) return {"load", Level::kWarn, kUnknown, kLoadIsHidden, "mount /proc and /sys"};
  const std::string found = fmt::format("{:.2f} on {} CPUs", *average, cpus.dump());
  if (*average <= kMostForEachCpu * cpus.get<double>()) return {"load", Level::kOk, found};
  return {"load", Level::kWarn, found, "saves wait for others, and share their caches", kStopOthers};
}

// Of "some avg10=1.50 avg60=...": 1.5, the percentage of ten seconds in which somebody waited.
std::optional<double> stalled(const fs::path& file) {
  const std::string line = read_line(file).value_or("");
  constexpr std::string_view kHead = "some avg10=";
  return line.starts_with(kHead) ? number(line.substr(kHead.size())) : std::nullopt;
}

Finding pressure(const char* name, const fs::path& file, const char* effect, const char* fix) {
  constexpr double kMostPercent = 5;
  const auto percent = stalled(file);
  if (!percent) return {name, Level::kWarn, kUnknown, kLoadIsHidden, "boot with psi=1"};
  const std::string found = fmt::format("{:.1f} % of 10 s", *percent);
  if (*percent <= kMostPercent) return {name, Level::kOk, found};
  return {name, Level::kWarn, found, effect, fix};
}

// Since the machine was started.
std::optional<double> stolen_percent(const fs::path& root) {
  constexpr int kSteal = 7;
  constexpr int kKinds = 8;  // those that follow are part of the first ones
  std::istringstream in(read_line(root / "proc/stat").value_or(""));
  std::string name;
  if (!(in >> name) || name != "cpu") return std::nullopt;
  double all = 0;
  double steal = 0;
  for (int kind = 0; kind < kKinds; ++kind) {
    double ticks = 0;
    if (!(in >> ticks)) return std::nullopt;
    all += ticks;
    if (kind == kSteal) steal = ticks;
  }
  return all > 0 ? std::optional(100 * steal / all) : std::nullopt;
}

Finding stolen(const fs::path& root) {
  constexpr double kMostPercent = 1;
  const auto percent = stolen_percent(root);
  if (!percent) return {"stolen time", Level::kWarn, kUnknown, kLoadIsHidden, "mount /proc"};
  const std::string found = fmt::format("{:.1f} % since the start", *percent);
  if (*percent <= kMostPercent) return {"stolen time", Level::kOk, found};
  return {"stolen time", Level::kWarn, found, "the hypervisor gives these CPUs to others, in the middle of saves",
          "a machine whose CPUs are not shared"};
}

}  // namespace

std::vector<Finding> load_findings(const Json& machine, const fs::path& root) {
  const fs::path folder = root / "proc/pressure";
  return {load(machine, root),
          pressure("CPU pressure", folder / "cpu", "threads wait for a CPU in the middle of saves", kStopOthers),
          pressure("memory pressure", folder / "memory", "saves wait until memory has been taken from others",
                   "free memory, or raise the cgroup's limit"),
          stolen(root)};
}

}  // namespace vmbsave::report
