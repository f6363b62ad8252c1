#include <cstdlib>

#include "scenarios/save_latency/peers/record_table.hpp"

namespace vmbsave::bench {

std::unique_ptr<Implementation> make_malloc_per_packet(Rig& rig, const RunOptions& options) {
  return std::make_unique<RecordTable<PerPacket>>("malloc_per_packet", rig, options.executor,
                                                  PerPacket{std::malloc, std::free});
}

}  // namespace vmbsave::bench
