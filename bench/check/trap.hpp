// trap.hpp: what a signal that ends this process says, kept in memory that outlives it.
#pragma once

#include <cstdint>

namespace vmbsave::check {

// Written by the handler, read by the parent when the process has ended.
struct Trap {
  volatile std::uint32_t signal = 0;  // 0: none
  volatile std::uint32_t has_address = 0;
  volatile std::uint64_t address = 0;  // that could not be accessed
  volatile std::uint64_t thread = 0;
};

// From here on, the signals of faults write into the trap and then end the process as they would have. Also one that
// comes from a stack that is used up, on the calling thread.
void set_trap(Trap& trap);

}  // namespace vmbsave::check
