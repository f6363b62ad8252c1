// save_control.hpp: the two words that all channels of a VM share.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace vmbsave::sync {

template <template <class> class Atom>
class SaveControl {
 public:
  // Whether a save runs. Relaxed: a thread that must see the store sees it through a read-modify-write on a packed
  // word.
  bool saving() const noexcept { return epoch_.load_relaxed() != kIdle; }

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
  // Before the first thaw, so that whoever finds its word thawed finds the epoch idle.
  void close_epoch() noexcept { epoch_.store_relaxed(kIdle); }

 private:
  static constexpr std::uint64_t kIdle = 0;
  alignas(base::kCacheLine) Atom<std::uint64_t> epoch_{};
  alignas(base::kCacheLine) Atom<std::uint32_t> busy_{};
  std::uint64_t last_epoch_ = 0;  // owned by the holder of busy
};

}  // namespace vmbsave::sync
