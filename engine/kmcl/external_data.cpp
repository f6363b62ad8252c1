#include "kmcl/external_data.hpp"

#include <cstring>

#include "base/bytes.hpp"

namespace vmbsave::kmcl {
namespace {

constexpr std::uint32_t kPageBytes = 4096;

struct Range {
  std::uint32_t bytes;
  std::uint32_t offset;  // in the first page
};

std::uint64_t pages_of(const Range& range) noexcept {
  return (std::uint64_t{range.offset} + range.bytes + kPageBytes - 1) / kPageBytes;
}

// The next range; false: malformed.
bool read_range(std::span<const std::byte>& rest, Range& range) noexcept {
  if (rest.size() < sizeof range) return false;
  std::memcpy(&range, rest.data(), sizeof range);
  rest = rest.subspan(sizeof range);
  return range.bytes != 0 && range.offset < kPageBytes && pages_of(range) <= rest.size() / sizeof(PFN_NUMBER);
}

}  // namespace

bool ExternalData::reserve(const ExternalDataLimits& limits, std::uint32_t slots) noexcept {
  limits_ = limits;
  // A range touches at most two pages more than its bytes fill.
  const std::size_t pages = limits.bytes / kPageBytes + 2 * std::size_t{limits.ranges};
  stride_ = base::align_up(limits.ranges * sizeof(MDL) + pages * sizeof(PFN_NUMBER), base::kCacheLine);
  memory_ = mem::Mapping::reserve(stride_ * slots);
  return static_cast<bool>(memory_);
}

PMDL ExternalData::build(std::uint32_t slot, std::span<const std::byte> ranges, std::uint32_t count) noexcept {
  if (count == 0 || count > limits_.ranges) return nullptr;
  std::byte* at = memory_.data() + slot * stride_;
  const PMDL first = reinterpret_cast<PMDL>(at);
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    Range range;
    if (!read_range(ranges, range)) return nullptr;
    bytes += range.bytes;
    if (bytes > limits_.bytes) return nullptr;
    const std::size_t pfn_bytes = pages_of(range) * sizeof(PFN_NUMBER);
    const PMDL mdl = reinterpret_cast<PMDL>(at);
    at += sizeof(MDL) + pfn_bytes;
    *mdl = MDL{};
    mdl->Next = i + 1 < count ? reinterpret_cast<PMDL>(at) : nullptr;
    mdl->ByteCount = range.bytes;
    mdl->ByteOffset = range.offset;
    std::memcpy(MmGetMdlPfnArray(mdl), ranges.data(), pfn_bytes);
    ranges = ranges.subspan(pfn_bytes);
  }
  return ranges.empty() ? first : nullptr;
}

}  // namespace vmbsave::kmcl
