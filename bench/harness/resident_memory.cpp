#include "harness/resident_memory.hpp"

#include <unistd.h>

#include <fstream>

namespace vmbsave::bench {

std::uint64_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (!(file >> total >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace vmbsave::bench
