#include "scenarios/live/live_requests.hpp"

#include "vsp/generated.hpp"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::bench {
namespace {

std::uint64_t drawn(std::uint64_t seed, std::uint64_t record) noexcept { return mix(mix(seed) + record); }

}  // namespace

// Two draws from one number: what is left of the division is as good as independent of the quotient.
std::uint64_t LiveRequests::block(std::uint64_t record) const noexcept {
  return drawn(spec_.seed, record) / 100 % blocks_;
}

bool LiveRequests::is_write(std::uint64_t record) const noexcept {
  return drawn(spec_.seed, record) % 100 >= spec_.read_percent;
}

VMBS_VSP_REQUEST LiveRequests::request(std::uint64_t record) const noexcept {
  VMBS_VSP_REQUEST request{};
  request.record = record;
  request.lba = block(record) * (kLiveBlockBytes / storvsp::kBlockBytes);
  request.tag = record;
  request.bytes = kLiveBlockBytes;
  request.operation = is_write(record) ? UINT8{VMBS_VSP_WRITE} : UINT8{VMBS_VSP_READ};
  return request;
}

}  // namespace vmbsave::bench
