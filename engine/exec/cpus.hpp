// cpus.hpp: how many processors this process may use, and what limits it.
#pragma once

#include <sched.h>

#include <cstddef>
#include <optional>

namespace vmbsave::exec {

struct CpuLimits {
  unsigned affinity = 1;        // processors of the affinity mask, at least 1
  std::optional<double> quota;  // processors' worth of time that the cgroups grant; none: as much as there is

  // The smaller of both; a part of a processor counts as a whole one.
  unsigned usable() const noexcept;
};

// Of the calling thread, read anew with each call.
CpuLimits cpu_limits() noexcept;

// What an executor makes of the number of threads it is asked for: all of available_cpus() for 0, and never more.
unsigned threads_for(unsigned asked) noexcept;

// Processors of the calling thread's affinity mask, at least 1. `get` is sched_getaffinity, but for tests.
using GetAffinity = int (*)(pid_t, std::size_t, cpu_set_t*);
unsigned affinity_count(GetAffinity get = sched_getaffinity) noexcept;

}  // namespace vmbsave::exec
