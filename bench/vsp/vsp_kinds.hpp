// vsp_kinds.hpp: the VSPs of a virtual machine's channels.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

// Channel number c of a VM is of kind c % count(). All channels of a kind have one VSP and, in a VM, one device.
class VspKinds {
 public:
  VspKinds(const VMBS_VSP& of_all) : vsps_{&of_all} {}  // what most machines have
  explicit VspKinds(std::vector<const VMBS_VSP*> vsps) : vsps_(std::move(vsps)) {}

  std::size_t count() const noexcept { return vsps_.size(); }
  std::size_t kind_of(std::size_t channel) const noexcept { return channel % vsps_.size(); }
  const VMBS_VSP& of_kind(std::size_t kind) const noexcept { return *vsps_[kind]; }
  const VMBS_VSP& of_channel(std::size_t channel) const noexcept { return of_kind(kind_of(channel)); }

 private:
  std::vector<const VMBS_VSP*> vsps_;  // never empty
};

}  // namespace vmbsave::bench
