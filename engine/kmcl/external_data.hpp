// external_data.hpp: the MDL chains of a channel's incoming packets, by slot: built from the guest's page ranges, valid
// until the slot is used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mem/mapping.hpp"
#include "vmbsave/kmcl.h"

namespace vmbsave::kmcl {

struct ExternalDataLimits {
  std::uint32_t bytes = 1u << 20;  // that one packet describes
  std::uint32_t ranges = 16;       // MDLs of one packet
};

class ExternalData {
 public:
  // Room for `slots` packets, which gets its memory when it is first used. False: no memory.
  bool reserve(const ExternalDataLimits& limits, std::uint32_t slots) noexcept;

  // The chain for the packet in `slot`. Each range is ByteCount u32, ByteOffset u32 and its page numbers u64. nullptr:
  // malformed, or over the limits.
  PMDL build(std::uint32_t slot, std::span<const std::byte> ranges, std::uint32_t count) noexcept;

 private:
  ExternalDataLimits limits_;
  std::size_t stride_ = 0;
  mem::Mapping memory_;
};

}  // namespace vmbsave::kmcl
