// The guest's side of netvsp: what its driver puts on the ring and into the send buffer, and makes of what comes.
#pragma once

#include "vmbsave/vsp.h"

namespace vmbsave::netvsp {

NTSTATUS encode(VOID* device, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet);
VOID retire(VOID* device, UINT32 held);
NTSTATUS outcome(const UINT8* bytes, UINT32 length, NTSTATUS* status);
NTSTATUS accept(VOID* device, const UINT8* bytes, UINT32 length, VMBS_VSP_REQUEST* request);
UINT32 answer(UINT8* out);

}  // namespace vmbsave::netvsp
