// The guest's side of storvsp: what its driver would put on the ring for a request.
#pragma once

#include "vmbsave/vsp.h"
#include "vsp/generated.hpp"

namespace vmbsave::storvsp {

using bench::page_number;

NTSTATUS encode(VOID* device, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet);

NTSTATUS outcome(const UINT8* bytes, UINT32 length, NTSTATUS* status);

}  // namespace vmbsave::storvsp
