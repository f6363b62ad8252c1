// verify.hpp: compares an image, byte for byte in every packet's state, with what the trace says must be in it. Reads
// it with the engine's reader of chunks; what must be there comes from the trace alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vsp/vsp.h"

namespace vmbsave::replay {

// The requests in use on each channel of a domain, in order of arrival.
using ExpectedChannels = std::vector<std::vector<VMBS_VSP_REQUEST>>;

// Empty if the image holds exactly the expected packets in the expected order; else the first difference, in one line.
std::string difference(std::span<const std::byte> image, const ExpectedChannels& expected, const VMBS_VSP& vsp);

}  // namespace vmbsave::replay
