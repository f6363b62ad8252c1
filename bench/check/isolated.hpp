// isolated.hpp: an examination in a process of its own, so that a VSP may crash or never return.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "check/checked.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::check {

// A VSP, for as long as what it is kept by lives. Called in the child. Throws std::exception if there is none.
struct LoadedVsp {
  const VMBS_VSP* vsp;
  std::shared_ptr<void> keeper;
};
using Load = std::function<LoadedVsp()>;

// Told some times a second how many functions of the VSP were called, and how many they will be, about.
using ShowCalls = std::function<void(std::uint64_t calls, std::uint64_t expected)>;

// Forks; call it before any thread is started. What the VSP prints comes out on standard error. limit: for how long
// nothing may go on before the child is killed. Throws std::runtime_error, in one line, if nothing could be examined.
Checked examine_isolated(const Load& load, const verify::Options& options, std::chrono::nanoseconds limit,
                         const ShowCalls& show);

}  // namespace vmbsave::check
