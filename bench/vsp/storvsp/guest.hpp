// The guest's side of storvsp: what its driver would put on the ring for a request.
#pragma once

#include <cstdint>

#include "vsp/vsp.h"

namespace vmbsave::storvsp {

// Number of page `index` of record `record`: generated, because no public trace holds any. A pure function, so that the
// same request has the same pages whenever it is made; 36 bits, as a guest of up to 256 TiB has them.
std::uint64_t page_number(std::uint64_t record, std::uint32_t index);

NTSTATUS encode(const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet);

}  // namespace vmbsave::storvsp
