// save_control.hpp: the two words that all channels of a VM share.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace vmbsave::sync {

template <template <class> class Atom>
class SaveControl {
 public:
  static constexpr std::uint64_t kIdle = 0;

  // The save that runs, a number above those before it; kIdle: none does. Relaxed, as all here but busy: a thread that
  // must see a store sees it through a read-modify-write on a packed word.
  std::uint64_t epoch() const noexcept { return epoch_.load_relaxed(); }
  bool saving() const noexcept { return epoch() != kIdle; }
  // Whether the save with that number, or one after it, gave up before its set of packets was complete.
  bool gave_up(std::uint64_t epoch) const noexcept { return abandoned_.load_relaxed() >= epoch; }

  // Serialises saves (and changes to the list of channels) from begin until after the thaw. False: somebody else is at
  // it.
  bool try_enter() noexcept {
    std::uint32_t free = 0;
    // [enter] acquire: all that the previous holder did. Pairs with leave().
    return busy_.compare_exchange_acquire(free, 1);
  }
  void leave() noexcept {
    // [leave] release: the holder's scratch state, for try_enter().
    busy_.store_release(0);
  }

  // The cut: what the caller froze after this store is what the save describes. Only with busy held.
  void open_epoch() noexcept { epoch_.store_relaxed(++last_epoch_); }
  // The save that runs gives up: before the epoch is closed.
  void abandon() noexcept { abandoned_.store_relaxed(last_epoch_); }
  // Before the first thaw, so that whoever finds its word thawed finds the epoch idle.
  void close_epoch() noexcept { epoch_.store_relaxed(kIdle); }

 private:
  alignas(base::kCacheLine) Atom<std::uint64_t> epoch_{};
  Atom<std::uint64_t> abandoned_{};  // the last that gave up; read where the epoch was, and seldom
  alignas(base::kCacheLine) Atom<std::uint32_t> busy_{};
  std::uint64_t last_epoch_ = 0;  // owned by the holder of busy
};

}  // namespace vmbsave::sync
