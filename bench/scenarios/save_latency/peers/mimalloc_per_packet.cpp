#include "scenarios/save_latency/peers/loaded_allocator.hpp"

namespace vmbsave::bench {

std::unique_ptr<Implementation> make_mimalloc_per_packet(Rig& rig, const RunOptions& options) {
  static const PerPacket mimalloc = load_allocator("libmimalloc.so.2", "mi_malloc", "mi_free");
  return std::make_unique<RecordTable<PerPacket>>("mimalloc_per_packet", rig, options.executor, mimalloc);
}

}  // namespace vmbsave::bench
