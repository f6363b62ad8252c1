#include "scenarios/live/live_requests.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint32_t kSectorBytes = 512;

// splitmix64: each bit of the result depends on each bit of both.
std::uint64_t drawn(std::uint64_t seed, std::uint64_t record) noexcept {
  std::uint64_t x = seed * 0xD1342543DE82EF95u + (record + 1) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

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
  request.lba = block(record) * (kLiveBlockBytes / kSectorBytes);
  request.tag = record;
  request.bytes = kLiveBlockBytes;
  request.operation = is_write(record) ? UINT8{VMBS_VSP_WRITE} : UINT8{VMBS_VSP_READ};
  return request;
}

}  // namespace vmbsave::bench
