#include "scenarios/host/workload.hpp"

#include "trace/profile.hpp"
#include "vsp/netvsp/netvsp.h"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::bench {

Workload host_workload() {
  Workload workload;
  workload.push_back({vmbs_vsp_storvsp(), trace::from_profile("cloudphysics")});
  workload.push_back({vmbs_vsp_netvsp(), trace::from_profile("smb2")});
  return workload;
}

VspKinds vsps_of(const Workload& workload) {
  std::vector<const VMBS_VSP*> vsps;
  for (const ChannelLoad& load : workload) vsps.push_back(load.vsp);
  return VspKinds(std::move(vsps));
}

}  // namespace vmbsave::bench
