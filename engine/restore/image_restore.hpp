// image_restore.hpp: restores a whole image into a VM whose channels are empty and not started, channel by number.
#pragma once

#include <cstddef>
#include <span>

#include "packet/vm.hpp"
#include "vmbsave/restore.hpp"

namespace vmbsave::restore {

// On failure every channel of the VM is empty and usable, and the report says where. Besides the statuses of
// ChannelRestore::feed:
//   kInvalidBufferSize  over the size cap, or a length in the image that its bytes contradict
//   kDeviceBusy         a save of the VM runs
//   kInvalidParameter   the image has another number of channels than the VM
RestoreReport restore_image(packet::Vm& vm, std::span<const std::byte> image, const RestoreOptions& options) noexcept;

}  // namespace vmbsave::restore
