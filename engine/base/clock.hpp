// clock.hpp: the clock of phases and deadlines, in nanoseconds.
#pragma once

#include <chrono>
#include <cstdint>

namespace vmbsave::base {

inline std::uint64_t now_ns() noexcept {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

// Time since the last lap, for phases that follow each other.
class Lap {
 public:
  std::uint64_t next() noexcept {
    const std::uint64_t now = now_ns();
    const std::uint64_t lap = now - last_;
    last_ = now;
    return lap;
  }
  std::uint64_t last_ns() const noexcept { return last_; }  // when the clock was read last

 private:
  std::uint64_t last_ = now_ns();
};

}  // namespace vmbsave::base
