// vsp_profile.hpp: which of the built-in profiles the requests are drawn from that a VSP gets whose author brings it.
#pragma once

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

struct VspProfile {
  const char* name;
  bool frames;
};

// A disk's if the VSP takes reads, a network's if it takes frames. Throws std::runtime_error in one line if neither.
VspProfile profile_of(const VMBS_VSP& vsp);

}  // namespace vmbsave::bench
