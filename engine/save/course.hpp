// course.hpp: the blocks that one worker takes, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec/lanes.hpp"
#include "save/plan.hpp"

namespace vmbsave::save {

// Of the plan's units, dealt out by the lanes. One thread.
template <template <class> class Atom>
class Course {
 public:
  Course(Plan& plan, exec::Lanes<Atom>& lanes, unsigned lane) noexcept : plan_(plan), lanes_(lanes), lane_(lane) {}

  // The next one that is due; nullptr: none is left.
  Block* next() noexcept {
    for (;;) {
      if (Block* const block = next_of_unit()) return block;
      if (!take(lanes_.claim(lane_))) return nullptr;
    }
  }

  // The same while there is still one in work, so that the packets of the one behind it come into the cache. nullptr
  // also where only a unit is left that another thread should begin: it may be a whole channel.
  Block* next_ahead() noexcept {
    if (Block* const block = next_of_unit()) return block;
    const auto is_small = [this](std::size_t unit) { return plan_.units[unit].concurrent; };
    return take(lanes_.claim_ahead(lane_, is_small)) ? next_of_unit() : nullptr;
  }

 private:
  Block* next_of_unit() noexcept {
    while (at_ != end_) {
      Block& block = plan_.blocks[at_++];
      if (block.due) return &block;  // else left out, or saved already
    }
    return nullptr;
  }

  bool take(std::size_t unit) noexcept {
    if (unit == exec::Lanes<Atom>::kNone) return false;
    at_ = plan_.units[unit].first_block;
    end_ = plan_.units[unit].last_block;
    return true;
  }

  Plan& plan_;
  exec::Lanes<Atom>& lanes_;
  unsigned lane_;
  std::uint32_t at_ = 0;
  std::uint32_t end_ = 0;
};

}  // namespace vmbsave::save
