#include "scenarios/replay/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace vmbsave::replay {
bool holds_frames(const trace::Trace& trace) {
  const auto frames = std::count_if(trace.requests.begin(), trace.requests.end(),
                                    [](const trace::Request& request) { return trace::is_frame(request.operation); });
  if (frames != 0 && static_cast<std::size_t>(frames) != trace.requests.size()) {
    throw std::runtime_error(fmt::format("{} frames among {} requests: a trace to replay has the one or the other",
                                         frames, trace.requests.size()));
  }
  return frames != 0;
}

}  // namespace vmbsave::replay
