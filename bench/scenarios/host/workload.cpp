#include "scenarios/host/workload.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "scenarios/vm/vsp_profile.hpp"
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

Workload workload_of(const VMBS_VSP& vsp) {
  const VspProfile from = profile_of(vsp);
  if (from.frames && vsp.deliver == nullptr) {
    throw std::runtime_error(fmt::format(
        "{} sends nothing (it has no deliver), and the frames of the profile {} go both ways", vsp.name, from.name));
  }
  Workload workload;
  workload.push_back({&vsp, trace::from_profile(from.name)});
  return workload;
}

VspKinds vsps_of(const Workload& workload) {
  std::vector<const VMBS_VSP*> vsps;
  for (const ChannelLoad& load : workload) vsps.push_back(load.vsp);
  return VspKinds(std::move(vsps));
}

}  // namespace vmbsave::bench
