#include "scenarios/save_latency/state_mix.hpp"

#include <algorithm>

#include "trace/profile.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::bench {
namespace {

// As a replay of the profile has it: data begins with its first page.
std::uint32_t saved_bytes(std::uint32_t request_bytes) {
  const VMBS_VSP& storvsp = *vmbs_vsp_storvsp();
  VMBS_VSP_REQUEST request{};
  request.bytes = request_bytes;
  request.operation = VMBS_VSP_WRITE;
  std::vector<UINT8> state(storvsp.max_state_bytes);
  return storvsp.reference_state(&request, state.data());
}

}  // namespace

StateMix::StateMix(Mix mix) {
  std::uint64_t requests = 0;
  const trace::Profile profile = trace::built_in_profile(mix_name(mix));
  for (const trace::SizeShare& size : profile.sizes) {
    requests += size.requests;
    shares_.push_back({saved_bytes(size.bytes), requests});
  }
}

std::uint32_t StateMix::bytes(std::uint64_t random) const noexcept {
  const std::uint64_t at = random % shares_.back().end;
  return std::find_if(shares_.begin(), shares_.end(), [&](const Share& share) { return at < share.end; })->bytes;
}

std::uint32_t StateMix::least() const noexcept { return std::ranges::min(shares_, {}, &Share::bytes).bytes; }

std::uint32_t StateMix::most() const noexcept { return std::ranges::max(shares_, {}, &Share::bytes).bytes; }

Point mixed_point(Point point, Mix mix) {
  const StateMix sizes(mix);
  point.state_min_bytes = sizes.least();
  point.state_max_bytes = sizes.most();
  point.mix = mix;
  return point;
}

}  // namespace vmbsave::bench
