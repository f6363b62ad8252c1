#include "verify/requests.hpp"

#include <algorithm>

namespace vmbsave::verify {
namespace {

constexpr std::uint32_t kSector = 512;
constexpr std::uint32_t kSmallSectors = 16;
constexpr std::uint32_t kMostSectors = 512;  // 256 KiB, which storage protocols carry in one request
constexpr std::uint32_t kPageSectors = 4096 / kSector;
constexpr std::uint32_t kLongestFrame = 65535;
constexpr std::uint32_t kEthernetFrame = 1514;

}  // namespace

// splitmix64.
std::uint64_t Requests::random() noexcept {
  std::uint64_t x = state_ += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

std::uint32_t Requests::data_bytes() noexcept {
  return kSector * (1 + below(below(2) == 0 ? kSmallSectors : kMostSectors));
}

std::uint32_t Requests::frame_bytes() noexcept {
  switch (below(3)) {
    case 0:
      return 1 + below(std::max(most_state_, 1u));
    case 1:
      return 1 + below(kEthernetFrame);
    default:
      return 1 + below(kLongestFrame);
  }
}

VMBS_VSP_REQUEST Requests::next() noexcept {
  VMBS_VSP_REQUEST request{};
  request.record = record_++;
  request.operation = static_cast<UINT8>(below(operations_));
  request.tag = random() >> 32;
  if (request.operation >= VMBS_VSP_TRANSMIT) {
    request.bytes = frame_bytes();
    request.first_byte = below(4096);
    return request;
  }
  request.lba = random() >> 24;
  request.bytes = data_bytes();
  request.first_byte = kSector * below(kPageSectors);
  if (request.operation == VMBS_VSP_DISCARD && below(4) == 0) request.bytes = 0;
  return request;
}

}  // namespace vmbsave::verify
