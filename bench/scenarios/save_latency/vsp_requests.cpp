#include "scenarios/save_latency/vsp_requests.hpp"

#include <algorithm>

#include "scenarios/vm/vsp_profile.hpp"
#include "trace/profile.hpp"

namespace vmbsave::bench {
VspRequests::VspRequests(const VMBS_VSP& vsp) {
  const VspProfile from = profile_of(vsp);
  const trace::Profile profile = trace::built_in_profile(from.name);
  frames_ = from.frames;
  std::uint64_t requests = 0;
  for (const trace::SizeShare& size : profile.sizes) {
    requests += size.requests;
    shares_.push_back({size.bytes, requests});
  }
  reads_ = profile.operations[VMBS_VSP_READ];
  both_ = std::max<std::uint64_t>(reads_ + profile.operations[VMBS_VSP_WRITE], 1);
}

VMBS_VSP_REQUEST VspRequests::at(std::uint64_t record, std::uint64_t random) const noexcept {
  constexpr std::uint64_t kDiskSectors = std::uint64_t{1} << 31;  // 1 TiB
  constexpr std::uint64_t kSectorsOfAPage = 8;
  const std::uint64_t size = random % shares_.back().end;
  VMBS_VSP_REQUEST request{};
  request.record = record;
  request.tag = record;
  request.bytes = std::find_if(shares_.begin(), shares_.end(), [&](const Share& s) { return size < s.end; })->bytes;
  if (frames_) {
    request.operation = VMBS_VSP_TRANSMIT;
    return request;
  }
  request.lba = (random >> 16) % kDiskSectors / kSectorsOfAPage * kSectorsOfAPage;
  request.operation = (random >> 8) % both_ < reads_ ? VMBS_VSP_READ : VMBS_VSP_WRITE;
  return request;
}

}  // namespace vmbsave::bench
