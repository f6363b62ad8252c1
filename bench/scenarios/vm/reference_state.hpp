// reference_state.hpp: what a VSP says must be saved of a request, asked so that a wrong answer damages nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "mem/mapping.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

class ReferenceState {
 public:
  // Of a VSP that has a reference_state. Empty, or what that does wrong, in a few words. May throw std::bad_alloc.
  std::string ask(const VMBS_VSP& vsp, const VMBS_VSP_REQUEST& request);

  // Of the request that was asked for last; valid until the next one.
  std::span<const UINT8> bytes() const noexcept { return bytes_; }

 private:
  UINT8* room_for(std::size_t most);

  mem::Mapping room_;  // used again
  std::span<const UINT8> bytes_;
};

}  // namespace vmbsave::bench
