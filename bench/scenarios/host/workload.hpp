// workload.hpp: what the VMs of a host have in use: requests drawn from profiles.
#pragma once

#include <cstdint>
#include <vector>

#include "trace/trace.hpp"
#include "vsp/vsp.h"

namespace vmbsave::bench {

// One channel of each VM: its VSP, and the requests that its guests make, again and again.
struct ChannelLoad {
  const VMBS_VSP* vsp;
  trace::Trace trace;
};
using Workload = std::vector<ChannelLoad>;

// A disk.
Workload host_workload();

// Request number `number` of the VMs' channels of a kind.
VMBS_VSP_REQUEST request_of(const ChannelLoad& load, std::uint64_t number);

}  // namespace vmbsave::bench
