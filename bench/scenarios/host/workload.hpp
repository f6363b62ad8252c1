// workload.hpp: what the VMs of a host have in use: requests drawn from profiles.
#pragma once

#include <cstdint>
#include <vector>

#include "trace/trace.hpp"
#include "vsp/vsp_kinds.hpp"

namespace vmbsave::bench {

// One channel of each VM: its VSP, and the requests or frames that it has, again and again.
struct ChannelLoad {
  const VMBS_VSP* vsp;
  trace::Trace trace;
};
using Workload = std::vector<ChannelLoad>;

// A disk and a vNIC.
Workload host_workload();

VspKinds vsps_of(const Workload& workload);

}  // namespace vmbsave::bench
