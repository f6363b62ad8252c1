#include <tbb/scalable_allocator.h>

#include "scenarios/save_latency/peers/record_table.hpp"

namespace vmbsave::bench {

std::unique_ptr<Implementation> make_tbb_scalable(Rig& rig, const RunOptions& options) {
  return std::make_unique<RecordTable<PerPacket>>("tbb_scalable", rig, options.executor,
                                                  PerPacket{scalable_malloc, scalable_free});
}

}  // namespace vmbsave::bench
