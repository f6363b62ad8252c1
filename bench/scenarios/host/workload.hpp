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

// One channel, of a VSP that its author brings: a disk's requests or, if it takes none of those, frames of a network.
// Throws std::runtime_error in one line if it takes neither.
Workload workload_of(const VMBS_VSP& vsp);

VspKinds vsps_of(const Workload& workload);

}  // namespace vmbsave::bench
