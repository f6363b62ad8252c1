#include "scenarios/replay/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace vmbsave::replay {
namespace {

bool is_frame(const trace::Request& request) {
  return request.operation == trace::Operation::kTransmit || request.operation == trace::Operation::kReceive;
}

}  // namespace

bool holds_frames(const trace::Trace& trace) {
  const auto frames = std::count_if(trace.requests.begin(), trace.requests.end(), is_frame);
  if (frames != 0 && static_cast<std::size_t>(frames) != trace.requests.size()) {
    throw std::runtime_error(fmt::format("{} frames among {} requests: a trace to replay has the one or the other",
                                         frames, trace.requests.size()));
  }
  return frames != 0;
}

void put_receives_last(std::vector<VMBS_VSP_REQUEST>& requests) {
  std::stable_partition(requests.begin(), requests.end(),
                        [](const VMBS_VSP_REQUEST& r) { return r.operation != VMBS_VSP_RECEIVE; });
}

}  // namespace vmbsave::replay
