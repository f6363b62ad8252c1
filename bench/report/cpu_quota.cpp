#include "report/cpu_quota.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "report/system_files.hpp"

namespace vmbsave::report {
namespace {

namespace fs = std::filesystem;

// "max 100000" is no quota in version 2, and -1 in version 1.
std::optional<double> cpus(const std::string& quota, const std::string& period) {
  const double q = std::strtod(quota.c_str(), nullptr);
  const double p = std::strtod(period.c_str(), nullptr);
  if (!(q > 0) || !(p > 0)) return std::nullopt;
  return q / p;
}

std::optional<double> quota_of_v2(const fs::path& group) {
  const std::string line = read_line(group / "cpu.max").value_or("");
  const std::size_t space = std::min(line.find(' '), line.size());
  return cpus(line.substr(0, space), line.substr(space));
}

std::optional<double> quota_of_v1(const fs::path& group) {
  return cpus(read_line(group / "cpu.cfs_quota_us").value_or(""), read_line(group / "cpu.cfs_period_us").value_or(""));
}

// Of the group and of each group around it. In a container the group's own folder may not be visible; those that are
// count.
template <class QuotaOf>
void take_smallest(std::optional<double>& smallest, const fs::path& mount, fs::path group, QuotaOf quota_of) {
  for (group = group.relative_path();; group = group.parent_path()) {
    const std::optional<double> quota = quota_of(mount / group);
    if (quota && (!smallest || *quota < *smallest)) smallest = quota;
    if (group.empty()) return;
  }
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> smallest;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t controllers = line.find(':') + 1;
    const std::size_t path = line.find(':', controllers) + 1;
    if (controllers == 0 || path == 0) continue;
    const std::string names = fmt::format(",{},", line.substr(controllers, path - controllers - 1));
    if (names == ",,") take_smallest(smallest, root / "sys/fs/cgroup", line.substr(path), quota_of_v2);
    if (names.find(",cpu,") == std::string::npos) continue;
    for (const char* const mount : {"cpu", "cpu,cpuacct"}) {
      take_smallest(smallest, root / "sys/fs/cgroup" / mount, line.substr(path), quota_of_v1);
    }
  }
  return smallest;
}

}  // namespace vmbsave::report
