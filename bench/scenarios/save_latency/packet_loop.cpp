#include "scenarios/save_latency/packet_loop.hpp"

#include <algorithm>
#include <utility>

#include "kmcl/vm.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {

PacketLoop::PacketLoop(Rig& rig, Executor* executor)
    : executor_(executor), workers_(executor == nullptr ? 1 : executor->concurrency()) {
  constexpr std::size_t kSlice = 256;
  for (std::uint32_t c = 0; c < rig.point().channels; ++c) {
    configs_.push_back(&rig.machine().vm(0).channels().channels()[c]->config());
    const auto packets = rig.packets(c);
    const std::size_t most = rig.point().concurrent_callbacks ? kSlice : packets.size();
    for (std::size_t first = 0; first < packets.size(); first += most) {
      const std::size_t count = std::min(most, packets.size() - first);
      slices_.push_back({c, packets_ + first, packets.data() + first, count});
    }
    packets_ += packets.size();
  }
}

// relaxed: only the slice is claimed; the executor orders what comes before and after.
const PacketLoop::Slice* PacketLoop::take() noexcept {
  const std::size_t next = next_.fetch_add_relaxed(1);
  return next < slices_.size() && failed_.load_relaxed() == 0 ? &slices_[next] : nullptr;
}

// relaxed: only one writes the error; the executor's join publishes it.
void PacketLoop::fail(std::exception_ptr error) noexcept {
  if (failed_.fetch_add_relaxed(1) == 0) error_ = std::move(error);
}

}  // namespace vmbsave::bench
