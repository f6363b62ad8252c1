// frames.hpp: what is different for a trace of frames.
#pragma once

#include "trace/trace.hpp"

namespace vmbsave::replay {

// Whether a trace is one of frames, for a network VSP, and not of block requests. Throws std::runtime_error if it holds
// both.
bool holds_frames(const trace::Trace& trace);

}  // namespace vmbsave::replay
