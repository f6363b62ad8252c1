// arena.hpp: the memory of a save's image, bump-allocated in 64-byte aligned blocks and kept between saves, so that a
// warm save takes no page fault. Blocks are known by their offset: the arena may move when it grows. Identity: used()
// is the sum of all blocks since reset(), each rounded up to 64 bytes, and used() <= ready() <= capacity().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "mem/mapping.hpp"

namespace vmbsave::mem {

template <template <class> class Atom>
class Arena {
 public:
  static constexpr std::size_t kBlockAlignment = base::kCacheLine;
  static constexpr std::uint64_t kNoRoom = UINT64_MAX;

  // Forgets every block; the pages stay. One thread, no allocation at the same time.
  void reset() noexcept { used_.store_relaxed(0); }

  // Makes room for `bytes` in all and takes their page faults; reserves addresses for some growth, within `budget` (0:
  // no limit). What was allocated stays, perhaps at another address. One thread. False: no memory, nothing has changed.
  bool ensure(std::uint64_t bytes, std::uint64_t budget = 0) noexcept {
    if (bytes <= ready_) return true;
    if (bytes > mapping_.size()) {
      const std::uint64_t roomy = bytes + std::min(bytes / 4, UINT64_MAX - bytes);
      const std::uint64_t most = budget == 0 ? roomy : std::max(bytes, std::min(roomy, budget));
      if (!mapping_.grow(most) && !mapping_.grow(bytes)) return false;
    }
    return prefault(bytes);
  }

  // Takes the page faults of what ensure() has reserved beyond its need: not while anybody waits. Nothing moves.
  // Without memory, nothing has changed.
  void prefault_reserve() noexcept { (void)prefault(mapping_.size()); }

  // A block for the calling worker alone, at data() + the offset given; kNoRoom if the arena is full. Lock-free: tries
  // again only if another block was allocated meanwhile. The block is not zeroed.
  std::uint64_t allocate(std::uint64_t bytes) noexcept {
    const std::uint64_t rounded = base::align_up(bytes, kBlockAlignment);
    std::uint64_t offset = used_.load_relaxed();
    do {
      // Before the counter moves: with an addition that is taken back, a block allocated between the two would lie
      // where the next one goes.
      if (rounded < bytes || rounded > ready_ - offset) return kNoRoom;
      // relaxed: only the counter is shared; the executor's join publishes what is written into the block.
    } while (!used_.compare_exchange_relaxed(offset, offset + rounded));
    return offset;
  }

  std::byte* data() const noexcept { return mapping_.data(); }
  std::uint64_t used() const noexcept { return used_.load_relaxed(); }
  std::uint64_t ready() const noexcept { return ready_; }  // bytes that can be allocated
  std::uint64_t capacity() const noexcept { return mapping_.size(); }
  bool valid() const noexcept {  // O(1)
    return used() <= ready() && ready() <= capacity() && used() % kBlockAlignment == 0;
  }

 private:
  bool prefault(std::uint64_t bytes) noexcept {
    if (bytes <= ready_) return true;
    if (!mapping_.prefault(ready_, bytes)) return false;
    ready_ = bytes;
    return true;
  }

  Mapping mapping_;
  std::uint64_t ready_ = 0;
  alignas(base::kCacheLine) Atom<std::uint64_t> used_{};
};

// A worker's blocks in an arena, taken a stretch at a time. They lie side by side, so that what a core fetches ahead of
// its stores is its own, and the counter that all workers share is touched once a stretch. One thread.
template <template <class> class Atom>
class Stretch {
 public:
  // 0 bytes: each block comes from the arena by itself.
  Stretch(Arena<Atom>& arena, std::uint64_t bytes) noexcept
      : arena_(arena), bytes_(bytes / Arena<Atom>::kBlockAlignment * Arena<Atom>::kBlockAlignment) {}

  // As Arena::allocate.
  std::uint64_t allocate(std::uint64_t bytes) noexcept {
    if (bytes > end_ - next_ && !take(bytes)) return arena_.allocate(bytes);
    const std::uint64_t offset = next_;
    next_ += base::align_up(bytes, Arena<Atom>::kBlockAlignment);
    return offset;
  }

  // Bytes that were taken from the arena and hold no block.
  std::uint64_t unused() const noexcept { return left_ + (end_ - next_); }

 private:
  // A block for which more than an eighth of a stretch might be left unused comes from the arena by itself.
  bool take(std::uint64_t bytes) noexcept {
    if (bytes > bytes_ / 8) return false;
    const std::uint64_t offset = arena_.allocate(bytes_);
    if (offset == Arena<Atom>::kNoRoom) {
      bytes_ = 0;
      return false;
    }
    left_ += end_ - next_;
    next_ = offset;
    end_ = offset + bytes_;
    return true;
  }

  Arena<Atom>& arena_;
  std::uint64_t bytes_;
  std::uint64_t next_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t left_ = 0;  // behind the last blocks of earlier stretches
};

}  // namespace vmbsave::mem
