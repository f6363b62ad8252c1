// check_failed.hpp: what the bench throws when its subject is at fault, and not its input; and when it is the machine.
#pragma once

#include <stdexcept>

namespace vmbsave::bench {

// Something that must hold does not: a call of the engine failed, a packet was lost.
class CheckFailed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The machine has not the memory, or not the mappings, for what was asked for.
class OutOfResources : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The VSP's device has less than the trace needs at a time: no fault of either.
class DeviceFull : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace vmbsave::bench
