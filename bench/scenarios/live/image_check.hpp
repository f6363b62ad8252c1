// image_check.hpp: whether an image that was saved while requests came and went holds what was in flight at its cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/live/live_requests.hpp"
#include "scenarios/live/standings.hpp"

namespace vmbsave::bench {

// A save, and what witnesses say of its cut.
struct LiveSave {
  std::vector<Standing> before;  // slot by slot, before its begin
  std::vector<Standing> after;   // when begin had returned
  std::vector<std::byte> image;
};

struct ImageFinding {
  std::string difference;     // the first one, in one line; empty: there is none
  std::uint64_t packets = 0;  // that were compared
};

// The image must hold each request that the VSP had and had not begun to answer when begin had returned; it may hold
// those whose answer had begun, unless that was over before begin; and no other. Each as its reference says, in the
// order in which they were sent.
ImageFinding check_image(const LiveSave& save, const LiveSpec& spec, const LiveRequests& requests, const VMBS_VSP& vsp);

}  // namespace vmbsave::bench
