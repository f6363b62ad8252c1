// vsp_fault.hpp: whether the description of a VSP can be used: what vmbsave/vsp.h asks of it.
#pragma once

#include <string>

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

// Empty, or what is wrong with it and what was expected. vsp: what a factory gave, NULL too.
std::string vsp_fault(const VMBS_VSP* vsp);

}  // namespace vmbsave::bench
