#pragma once

#include <cstdint>

namespace vmbsave::bench {

// Bytes of memory that this process has now, pages of files included; 0 where /proc does not say it.
std::uint64_t resident_memory();

}  // namespace vmbsave::bench
