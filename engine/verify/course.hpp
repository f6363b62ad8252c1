// course.hpp: what the parts of one examination share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "verify/findings.hpp"
#include "verify/journal.hpp"
#include "verify/packet_name.hpp"
#include "vmbsave/verify.hpp"

namespace vmbsave::verify {

struct Course {
  Course(const VMBS_VSP& of, const Options& how)
      : vsp(of), options(how), findings(how.on_finding), journals(how.journal) {}

  const VMBS_VSP& vsp;
  const Options& options;
  Findings findings;
  Journals journals;
  std::uint64_t calls = 0;                         // of SavePacket and RestorePacket, by the calling thread
  std::map<PacketName, std::uint64_t> restore_ns;  // the shortest RestorePacket of each packet
  std::vector<std::string> left_out;
};

}  // namespace vmbsave::verify
