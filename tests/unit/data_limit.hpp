// data_limit.hpp: a process that may have only so much more memory of its own; files that it maps do not count.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <fstream>
#include <string>

namespace vmbsave::test {

// Of the sanitizers, which the limit would end.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kNeedsMemory = true;
#else
inline constexpr bool kNeedsMemory = false;
#endif

// VmData: what RLIMIT_DATA limits. 0 if it cannot be known.
inline std::size_t data_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmData:")) return std::stoul(line.substr(7)) * 1024;
  }
  return 0;
}

inline bool limit_data(std::size_t more) {
  const std::size_t now = data_bytes();
  const rlimit limit{now + more, now + more};
  return now > 0 && setrlimit(RLIMIT_DATA, &limit) == 0;
}

}  // namespace vmbsave::test
