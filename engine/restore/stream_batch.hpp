// stream_batch.hpp: the streams of several channels, worked on side by side.
#pragma once

#include <span>

#include "packet/vm.hpp"
#include "restore/image_layout.hpp"

namespace vmbsave::restore {

// Restores each stream into its channel. Every stream is checked before the first RestorePacket. On failure these
// channels are empty and usable, and the report has the fault of the lowest one; but for one with kInUse, where nothing
// has changed. executor: nullptr for the calling thread alone.
RestoreReport restore_streams(std::span<packet::Channel* const> channels, std::span<const StreamSpan> streams,
                              Executor* executor);

// Only checks them.
RestoreReport check_streams(std::span<const StreamSpan> streams, Executor* executor);

}  // namespace vmbsave::restore
