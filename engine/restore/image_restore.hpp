// image_restore.hpp: restores a whole image into a VM whose channels are empty and not started, channel by number; or
// checks one without a VM.
#pragma once

#include <cstddef>
#include <span>

#include "packet/vm.hpp"
#include "vmbsave/restore.hpp"

namespace vmbsave::restore {

// Every stream is checked before the first RestorePacket. On failure every channel of the VM is empty and usable, and
// the report says where. Statuses: restore_fault_status, or RestorePacket's own.
RestoreReport restore_image(packet::Vm& vm, std::span<const std::byte> image, const RestoreOptions& options) noexcept;

// All that a restore checks before it looks at the VM.
RestoreReport check_image(std::span<const std::byte> image, const RestoreOptions& options) noexcept;

}  // namespace vmbsave::restore
