// cgroup_quota.hpp: what the cgroups of this process grant it, versions 1 and 2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmbsave::exec {

struct Cgroup {
  std::string directory;
  bool v2 = false;
};

// The directories whose limits of "cpu" or "memory" hold for this process, its own first, then those around it up to
// the mount point. Files are looked for below `root`, which is empty for the system's own.
std::vector<Cgroup> cgroups(const std::string& root, std::string_view controller);

// The smallest quota of CPU time of them, in processors (quota / period). None if there is none, or none that can be
// understood.
std::optional<double> cgroup_quota(const std::string& root) noexcept;

}  // namespace vmbsave::exec
