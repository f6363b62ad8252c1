// peers.hpp: what people would use instead of the engine, each in the shape that it has elsewhere. Each makes the
// documented calls for the same packets and, where it can, the same records. README.md says whose shape each one is.
#pragma once

#include <memory>

#include "scenarios/save_latency/implementation.hpp"

namespace vmbsave::bench {

// One lock around a list of the packets, and one thread that saves them right into memory that is there.
std::unique_ptr<Implementation> make_mutex_list(Rig& rig, const RunOptions& options);

// An owned tree of objects, one a packet, channel after channel; then a protobuf encoder's two passes over the tree.
std::unique_ptr<Implementation> make_openvmm_shape(Rig& rig, const RunOptions& options);

// The row's threads, one lock that all share: a packet's state is saved into memory of its own, and copied under the
// lock to the end of one stream that grows.
std::unique_ptr<Implementation> make_qemu_shape(Rig& rig, const RunOptions& options);

// The row's threads, each with a std::pmr::monotonic_buffer_resource over memory that is there: a record is allocated
// once its packet was sized, and saved into.
std::unique_ptr<Implementation> make_pmr_monotonic(Rig& rig, const RunOptions& options);

// The same with an allocator's memory a record, given back after the save, which is not timed.
std::unique_ptr<Implementation> make_malloc_per_packet(Rig& rig, const RunOptions& options);    // the process's malloc
std::unique_ptr<Implementation> make_mimalloc_per_packet(Rig& rig, const RunOptions& options);  // mi_malloc
std::unique_ptr<Implementation> make_tbb_scalable(Rig& rig, const RunOptions& options);         // oneTBB's

// One FlatBuffer, which a builder that keeps its memory fills packet by packet.
std::unique_ptr<Implementation> make_flatbuffers(Rig& rig, const RunOptions& options);

}  // namespace vmbsave::bench
