#include "scenarios/host/workload.hpp"

#include "trace/profile.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::bench {

Workload host_workload() {
  Workload workload;
  workload.push_back({vmbs_vsp_storvsp(), trace::from_profile("cloudphysics")});
  return workload;
}

VMBS_VSP_REQUEST request_of(const ChannelLoad& load, std::uint64_t number) {
  const trace::Request& from = load.trace.requests[number % load.trace.requests.size()];
  VMBS_VSP_REQUEST request{};
  request.record = number;
  request.lba = from.lba;
  request.tag = from.tag;
  request.bytes = from.bytes;
  request.first_byte = from.first_byte;
  request.operation = static_cast<UINT8>(from.operation);
  return request;
}

}  // namespace vmbsave::bench
