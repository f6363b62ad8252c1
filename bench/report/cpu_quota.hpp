// cpu_quota.hpp: how many CPUs the cgroups of this process may use at most.
#pragma once

#include <filesystem>
#include <optional>

namespace vmbsave::report {

// The smallest quota of the process's cgroup and of those around it, in CPUs, version 1 or 2; absent: there is none.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace vmbsave::report
