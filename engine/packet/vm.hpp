// vm.hpp: a virtual machine: the channels that one cut describes.
#pragma once

#include <vector>

#include "base/atomic.hpp"
#include "packet/channel.hpp"
#include "sync/save_control.hpp"

namespace vmbsave::packet {

inline constexpr std::size_t kMaxChannels = 2047;  // VMBus: an event-flag bitmap of 2,048, bit 0 reserved

template <template <class> class Atom>
class BasicVm {
 public:
  using Channel = BasicChannel<Atom>;

  sync::SaveControl<Atom>& control() noexcept { return control_; }

  // Adds or removes a channel, which the caller owns. kDeviceBusy while a save runs.
  Status attach(Channel& channel) noexcept {
    if (!control_.try_enter()) return Status::kDeviceBusy;
    const Status status = push(channel);
    control_.leave();
    return status;
  }
  // Also empties it: waits for threads that fill or deliver a packet at this moment; what is in use is delivered to
  // nobody.
  Status detach(Channel& channel) noexcept {
    if (!control_.try_enter()) return Status::kDeviceBusy;
    std::erase(channels_, &channel);
    channel.drop_all();
    control_.leave();
    return Status::kSuccess;
  }

  // In order of attachment: a channel's number in an image is its place here. Only the saver, or while none attaches.
  const std::vector<Channel*>& channels() const noexcept { return channels_; }

 private:
  Status push(Channel& channel) noexcept {
    if (channels_.size() == kMaxChannels) return Status::kQuotaExceeded;
    try {
      channels_.push_back(&channel);
      return Status::kSuccess;
    } catch (...) {
      return Status::kInsufficientResources;
    }
  }

  sync::SaveControl<Atom> control_;
  std::vector<Channel*> channels_;
};

using Vm = BasicVm<base::Atomic>;

}  // namespace vmbsave::packet
