#include "exec/cpus.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>
#include <thread>

#include "exec/cgroup_quota.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave {
namespace exec {
namespace {

constexpr std::size_t kMostCpus = std::size_t{1} << 20;  // where the search for a mask that is large enough ends

struct FreeMask {
  void operator()(cpu_set_t* mask) const noexcept { CPU_FREE(mask); }
};

}  // namespace

// The kernel refuses a mask that is smaller than its own, and does not say how large that is.
unsigned affinity_count(GetAffinity get) noexcept {
  for (std::size_t cpus = CPU_SETSIZE; cpus <= kMostCpus; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, FreeMask> mask(CPU_ALLOC(cpus));
    if (mask == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    CPU_ZERO_S(bytes, mask.get());
    if (get(0, bytes, mask.get()) == 0) return static_cast<unsigned>(std::max(CPU_COUNT_S(bytes, mask.get()), 1));
    if (errno != EINVAL) break;
  }
  return std::max(std::thread::hardware_concurrency(), 1u);
}

CpuLimits cpu_limits() noexcept { return {.affinity = affinity_count(), .quota = cgroup_quota("")}; }

unsigned CpuLimits::usable() const noexcept {
  const unsigned most = std::max(affinity, 1u);
  if (!quota || *quota >= most) return most;
  return std::max(static_cast<unsigned>(std::ceil(*quota)), 1u);
}

unsigned threads_for(unsigned asked) noexcept {
  const unsigned usable = available_cpus();
  return asked == 0 ? usable : std::min(asked, usable);
}

}  // namespace exec

unsigned available_cpus() noexcept { return exec::cpu_limits().usable(); }

}  // namespace vmbsave
