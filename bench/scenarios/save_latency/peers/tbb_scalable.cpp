#include "scenarios/save_latency/peers/loaded_allocator.hpp"

namespace vmbsave::bench {

std::unique_ptr<Implementation> make_tbb_scalable(Rig& rig, const RunOptions& options) {
  static const PerPacket scalable = load_allocator("libtbbmalloc.so.2", "scalable_malloc", "scalable_free");
  return std::make_unique<RecordTable<PerPacket>>("tbb_scalable", rig, options.executor, scalable);
}

}  // namespace vmbsave::bench
