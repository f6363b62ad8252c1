// frames.hpp: what is different for a trace of frames.
#pragma once

#include <vector>

#include "trace/trace.hpp"
#include "vsp/vsp.h"

namespace vmbsave::replay {

// Whether a trace is one of frames, for a network VSP, and not of block requests. Throws std::runtime_error if it holds
// both.
bool holds_frames(const trace::Trace& trace);

// In the order of an image: what the VSP sent comes behind what the guest did.
void put_receives_last(std::vector<VMBS_VSP_REQUEST>& requests);

}  // namespace vmbsave::replay
