// What a save must hold for a request, without the VSP's help.
#pragma once

#include <cstdint>

#include "vmbsave/vsp.h"

namespace vmbsave::blob {

// Writes all request.bytes of the state.
void write_reference(const VMBS_VSP_REQUEST& request, std::uint8_t* out);

}  // namespace vmbsave::blob
