// What a save must hold for a request, written field by field from README.md's tables.
#pragma once

#include <cstdint>

#include "vmbsave/vsp.h"

namespace vmbsave::netvsp {

// Bytes written; 0 if there is no such request.
std::uint32_t reference_state(const VMBS_VSP_REQUEST* request, std::uint8_t* out);

}  // namespace vmbsave::netvsp
