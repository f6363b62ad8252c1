// profile.hpp: what the suite ships instead of traces: distributions measured from them, and requests drawn from those.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "trace/trace.hpp"

namespace vmbsave::trace {

// A trace made from the built-in profile of that name, always the same one. Throws std::runtime_error listing the
// names.
Trace from_profile(const std::string& name);

// How many requests of each size the trace has from which a profile was measured. Throws as from_profile.
struct SizeShare {
  std::uint32_t bytes;
  std::uint32_t requests;
};
std::span<const SizeShare> profile_sizes(const std::string& name);

// "cloudphysics, open-cas"
std::string profile_names();

}  // namespace vmbsave::trace
