// What a save must hold for a request, written field by field from README.md's table.
#pragma once

#include <cstdint>

#include "vmbsave/vsp.h"

namespace vmbsave::storvsp {

// Bytes written; 0 if the request cannot be encoded.
std::uint32_t reference_state(const VMBS_VSP_REQUEST* request, std::uint8_t* out);

}  // namespace vmbsave::storvsp
