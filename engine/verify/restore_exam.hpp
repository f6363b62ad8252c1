// restore_exam.hpp: RestorePacket, and what becomes of the packets that it restores.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "verify/course.hpp"
#include "verify/save_exam.hpp"
#include "verify/subject.hpp"

namespace vmbsave::verify {

// The streams of a VM's channels, as the library saves them.
using Streams = std::vector<std::vector<std::byte>>;

// Through the C face, once saves have begun. False: a save failed; a finding says why.
bool save_streams(Subject& subject, Streams& streams);

// Restores them into new VMs, again and again: saves what was restored, carries it on and ends it. `packets`: what
// was saved; pending: what its guest waits for.
void examine_restores(Course& course, const Streams& streams, std::span<const Examined> packets,
                      const PendingPackets& pending);

}  // namespace vmbsave::verify
