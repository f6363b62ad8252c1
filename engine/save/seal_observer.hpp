// seal_observer.hpp: whoever wants a save's channels as soon as they are complete.
#pragma once

#include <cstdint>

namespace vmbsave::save {

class SealObserver {
 public:
  // From any thread of the save, once a channel. Its chunks may be read from now on, except between before_move() and
  // after_move(); what the caller has written is visible to whoever learns of this call.
  virtual void sealed(std::uint32_t channel) noexcept = 0;

  // From the thread that runs the save: the image moves in memory. before_move() returns when nobody reads it.
  virtual void before_move() noexcept = 0;
  virtual void after_move() noexcept = 0;

 protected:
  ~SealObserver() = default;
};

}  // namespace vmbsave::save
