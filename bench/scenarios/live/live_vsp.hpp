// live_vsp.hpp: whose channels are saved at work: storvsp's, whose packets say what the disk has to do and how it went,
// or those of a VSP that its author brings. Of that one's packets the disk does what the guest's request asked for.
#pragma once

#include <optional>

#include "scenarios/live/disk_command.hpp"
#include "scenarios/live/live_spec.hpp"
#include "vmbsave/guest.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

const VMBS_VSP& live_vsp(const LiveSpec& spec) noexcept;

// Empty, or why the VSP cannot be asked to read and write: it is refused before a disk is made.
const char* live_vsp_fault(const VMBS_VSP& vsp);

// What the disk has to do for a packet. request: the guest's. nullopt: the packet says something else.
std::optional<DiskCommand> command_of(const LiveSpec& spec, VMBPACKET packet, const VMBS_VSP_REQUEST& request,
                                      std::uint64_t disk_sectors);

// Whether a completion says that all went well, and is that of its transaction as far as it says so.
bool is_good_completion(const LiveSpec& spec, const guest::Received& packet);

}  // namespace vmbsave::bench
