// state_mix.hpp: how large states are in a mix: what storvsp saves for requests as large as those of a built-in
// profile.
#pragma once

#include <cstdint>
#include <vector>

#include "scenarios/save_latency/point.hpp"

namespace vmbsave::bench {

class StateMix {
 public:
  explicit StateMix(Mix mix);  // not kNone

  // Of the state that a random number stands for: each size as often as the trace has it.
  std::uint32_t bytes(std::uint64_t random) const noexcept;

  std::uint32_t least() const noexcept;
  std::uint32_t most() const noexcept;

 private:
  struct Share {
    std::uint32_t bytes;
    std::uint64_t end;  // requests of this size and of those before
  };
  std::vector<Share> shares_;
};

// `point` with the mix, and the bounds that it has.
Point mixed_point(Point point, Mix mix);

}  // namespace vmbsave::bench
