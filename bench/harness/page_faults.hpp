// page_faults.hpp: of this process, all threads.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace vmbsave::bench {

// So far, served from memory or not.
inline std::uint64_t page_faults() noexcept {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

}  // namespace vmbsave::bench
