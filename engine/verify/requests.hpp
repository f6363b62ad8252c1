// requests.hpp: what a guest might ask for, from a seed.
#pragma once

#include <cstdint>

#include "vmbsave/vsp.h"

namespace vmbsave::verify {

// Reads, writes and discards of whole sectors, frames of any length; a VSP refuses what is not of its protocol. The
// same seed gives the same requests.
class Requests {
 public:
  // most_state: about as many bytes a VSP keeps whose states are as long as its requests. receives: also frames for the
  // guest.
  Requests(std::uint64_t seed, std::uint32_t most_state, bool receives) noexcept
      : state_(seed), most_state_(most_state), operations_(receives ? 5 : 4) {}

  VMBS_VSP_REQUEST next() noexcept;

 private:
  std::uint64_t random() noexcept;
  std::uint32_t below(std::uint32_t limit) noexcept { return static_cast<std::uint32_t>(random() % limit); }
  std::uint32_t data_bytes() noexcept;
  std::uint32_t frame_bytes() noexcept;

  std::uint64_t state_;
  const std::uint32_t most_state_;
  const std::uint32_t operations_;
  std::uint64_t record_ = 0;
};

}  // namespace vmbsave::verify
