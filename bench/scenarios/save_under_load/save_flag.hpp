// save_flag.hpp: whether a save runs, for who wants to know whether his call has overlapped one.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bytes.hpp"

namespace vmbsave::bench {

class SaveFlag {
 public:
  void begin() noexcept { number_.store(number_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  void end() noexcept { begin(); }
  // Odd: a save runs. acquire: pairs with the release above. Two readings enclose a call, whose own atomic operation
  // and readings of the clock keep them apart.
  std::uint64_t read() const noexcept { return number_.load(std::memory_order_acquire); }
  // Whether a save ran at the reading `before`, or has begun since.
  bool overlaps(std::uint64_t before) const noexcept { return (before & 1) != 0 || read() != before; }

 private:
  alignas(base::kCacheLine) std::atomic<std::uint64_t> number_{0};
};

}  // namespace vmbsave::bench
