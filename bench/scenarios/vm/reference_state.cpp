#include "scenarios/vm/reference_state.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <new>

namespace vmbsave::bench {
namespace {

// Address space behind what was announced, which takes no memory while nobody writes there. Too little for a huge page.
constexpr std::size_t kBehind = std::size_t{1} << 20;

// The first of it: whoever writes on and on cannot miss it.
constexpr auto kUntouched = [] {
  std::array<UINT8, 64> pattern{};
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = static_cast<UINT8>(i * 167 + 29);
  return pattern;
}();

}  // namespace

UINT8* ReferenceState::room_for(std::size_t most) {
  if (room_.size() < most + kBehind) room_ = mem::Mapping::reserve(most + kBehind);
  if (!room_) throw std::bad_alloc();
  return reinterpret_cast<UINT8*>(room_.data());
}

std::string ReferenceState::ask(const VMBS_VSP& vsp, const VMBS_VSP_REQUEST& request) {
  const std::size_t most = vsp.max_state_bytes;
  UINT8* const out = room_for(most);
  std::memcpy(out + most, kUntouched.data(), kUntouched.size());
  const UINT32 bytes = vsp.reference_state(&request, out);
  if (bytes > most) {
    return fmt::format("{}'s reference_state gave {} bytes, at most {} are announced (max_state_bytes)", vsp.name,
                       bytes, most);
  }
  if (std::memcmp(out + most, kUntouched.data(), kUntouched.size()) != 0) {
    return fmt::format("{}'s reference_state wrote behind the {} bytes that are announced (max_state_bytes)", vsp.name,
                       most);
  }
  bytes_ = {out, bytes};
  return {};
}

}  // namespace vmbsave::bench
