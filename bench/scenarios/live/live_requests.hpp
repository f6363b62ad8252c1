// live_requests.hpp: the guest's requests. Each follows from the number of its record, so that it can be made again at
// any time.
#pragma once

#include <cstdint>

#include "scenarios/live/live_spec.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

// A record's number says which slot its request takes, of the spec's slots(): those of the first channel come first,
// and each has a page of guest memory.
class LiveRequests {
 public:
  explicit LiveRequests(const LiveSpec& spec) noexcept : spec_(spec), blocks_(spec.disk_bytes / kLiveBlockBytes) {}

  std::uint64_t blocks() const noexcept { return blocks_; }  // of the disk
  std::uint64_t record(std::uint64_t serial, std::uint32_t slot) const noexcept {
    return serial * spec_.slots() + slot;
  }
  std::uint32_t slot(std::uint64_t record) const noexcept { return static_cast<std::uint32_t>(record % spec_.slots()); }
  std::uint32_t channel(std::uint64_t record) const noexcept { return slot(record) / spec_.depth; }

  std::uint64_t block(std::uint64_t record) const noexcept;
  bool is_write(std::uint64_t record) const noexcept;
  VMBS_VSP_REQUEST request(std::uint64_t record) const noexcept;

 private:
  const LiveSpec spec_;
  const std::uint64_t blocks_;
};

}  // namespace vmbsave::bench
