// vsp_requests.hpp: what the guests of a rig ask of a VSP that its author brings: requests as large as those of a
// built-in profile, of a disk or, if it takes none of those, of a network.
#pragma once

#include <cstdint>
#include <vector>

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

class VspRequests {
 public:
  // Throws std::runtime_error in one line if the VSP takes neither reads nor frames.
  explicit VspRequests(const VMBS_VSP& vsp);

  // Each size as often as the profile has it; random: a number that follows from the record.
  VMBS_VSP_REQUEST at(std::uint64_t record, std::uint64_t random) const noexcept;

 private:
  struct Share {
    std::uint32_t bytes;
    std::uint64_t end;  // requests of this size and of those before
  };

  bool frames_ = false;
  std::uint64_t reads_ = 0;  // of a disk, of so many reads and writes
  std::uint64_t both_ = 1;
  std::vector<Share> shares_;
};

}  // namespace vmbsave::bench
