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

  // Makes room for `bytes` in all and takes their page faults; reserves addresses for `spare` more and for some growth,
  // within `budget` (0: no limit). What was allocated stays, perhaps at another address. One thread. False: no memory,
  // nothing has changed.
  bool ensure(std::uint64_t bytes, std::uint64_t spare = 0, std::uint64_t budget = 0) noexcept {
    if (moves(bytes, spare)) {
      const std::uint64_t more = bytes / 10 + spare;
      const std::uint64_t roomy = bytes + std::min(more, UINT64_MAX - bytes);
      const std::uint64_t most = budget == 0 ? roomy : std::max(bytes, std::min(roomy, budget));
      if (!mapping_.grow(most) && !mapping_.grow(bytes)) return false;
    }
    return prefault(bytes);
  }

  // Whether ensure() of these would have to grow: what was allocated may then lie elsewhere.
  bool moves(std::uint64_t bytes, std::uint64_t spare) const noexcept {
    return bytes > mapping_.size() || spare > mapping_.size() - bytes;
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
      // [room] acquire: what whoever gave the block back has written into it is over.
    } while (!used_.compare_exchange_acquire(offset, offset + rounded));
    return offset;
  }

  // Gives back the block's last `bytes`, of whole lines; false if another block was allocated behind it.
  bool give_back(std::uint64_t end, std::uint64_t bytes) noexcept {
    // [room] release: what was written there, for [room] of allocate().
    return used_.compare_exchange_release(end, end - bytes);
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
    // The page that ready_ ends in has been taken with what lies before, which somebody may be reading.
    const std::uint64_t first = base::align_up(ready_, kPage);
    if (first < bytes && !mapping_.prefault(first, bytes)) return false;
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
  // What is left of a stretch, whole lines: a block may be written into it before its size is known.
  struct Room {
    std::uint64_t offset;
    std::uint64_t bytes;
  };

  // Blocks above `largest_block` come from the arena by themselves; with 0 bytes, all do.
  Stretch(Arena<Atom>& arena, std::uint64_t bytes, std::uint64_t largest_block) noexcept
      : arena_(arena),
        bytes_(bytes / Arena<Atom>::kBlockAlignment * Arena<Atom>::kBlockAlignment),
        largest_block_(largest_block) {}
  Stretch(const Stretch&) = delete;

  // None if the last block was too large for a stretch: then the next one may be, and would have to be moved.
  Room room() noexcept {
    if (last_ > largest_block_) return {next_, 0};
    if (next_ == end_) (void)take();
    return {next_, end_ - next_};
  }

  // As Arena::allocate. The room's beginning, if the block fits into it or into what lies right behind.
  std::uint64_t allocate(std::uint64_t bytes) noexcept {
    last_ = base::align_up(bytes, Arena<Atom>::kBlockAlignment);
    if (bytes > end_ - next_ && (bytes > largest_block_ || !take() || bytes > end_ - next_)) {
      return arena_.allocate(bytes);
    }
    const std::uint64_t offset = next_;
    next_ += last_;
    return offset;
  }

  // The first `bytes` of the room that began at `offset` stay as they are, though they hold no block.
  void keep(std::uint64_t offset, std::uint64_t bytes) noexcept {
    if (offset != next_) return;  // left behind already
    const std::uint64_t kept = base::align_up(bytes, Arena<Atom>::kBlockAlignment);
    next_ += kept;
    left_ += kept;
  }

  // Gives back what holds no block, if it can; bytes that it could not.
  std::uint64_t close() noexcept {
    if (next_ != end_ && !arena_.give_back(end_, end_ - next_)) left_ += end_ - next_;
    end_ = next_;
    return left_;
  }

 private:
  bool take() noexcept {
    const std::uint64_t offset = bytes_ == 0 ? Arena<Atom>::kNoRoom : arena_.allocate(bytes_);
    if (offset == Arena<Atom>::kNoRoom) {
      bytes_ = 0;  // for good: what others may still give back is taken block by block
      return false;
    }
    if (offset != end_) {
      left_ += end_ - next_;
      next_ = offset;
    }
    end_ = offset + bytes_;
    return true;
  }

  Arena<Atom>& arena_;
  std::uint64_t bytes_;
  const std::uint64_t largest_block_;
  std::uint64_t last_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t left_ = 0;  // behind the last blocks of earlier stretches
};

}  // namespace vmbsave::mem
