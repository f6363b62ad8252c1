// vnic.hpp: what the channels of one vNIC share, and with their guest. In a VM both buffers are guest memory, which the
// VSP sees through a GPADL; here the device holds them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vmbsave/vsp.h"
#include "vsp/netvsp/section_map.hpp"

namespace vmbsave::netvsp {

// Any thread. A section's bytes are its owner's: until the VSP is done with a transmit the guest does not write to its
// send section, and until the guest has answered a receive the VSP does not write to its receive sections.
class Vnic {
 public:
  // nullptr: no memory. The buffers' pages come at first touch.
  static Vnic* create();
  ~Vnic();
  Vnic(const Vnic&) = delete;

  std::byte* send_section(std::uint32_t section) const;
  std::byte* receive_section(std::uint32_t section) const;

  SectionMap<kSendSections> send_sections;        // the guest takes and gives them,
  SectionMap<kReceiveSections> receive_sections;  // the VSP these

 private:
  explicit Vnic(std::byte* memory) : memory_(memory) {}

  std::byte* const memory_;  // the send buffer, and behind it the receive buffer
};

inline Vnic& vnic_of(VOID* device) { return *static_cast<Vnic*>(device); }

VOID* create_device();
VOID destroy_device(VOID* device);

}  // namespace vmbsave::netvsp
