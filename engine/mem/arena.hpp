// arena.hpp: the memory of a save's image, bump-allocated in 64-byte aligned blocks and kept between saves, so that a
// warm save takes no page fault. Identity: used() <= capacity(), and used() is the sum of all blocks since reset(),
// each rounded up to 64 bytes.
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

  // Forgets every block; the pages stay. One thread, no allocation at the same time.
  void reset() noexcept { used_.store_relaxed(0); }

  // Makes room for `bytes` in all, and for some growth within `budget` (0: no limit). May map anew, which loses what
  // was allocated: call it right after reset(). False: no memory.
  bool ensure(std::uint64_t bytes, std::uint64_t budget = 0) noexcept {
    if (bytes <= mapping_.size()) return true;
    const std::uint64_t roomy = bytes + bytes / 4;
    Mapping larger = Mapping::reserve(budget == 0 ? roomy : std::max(bytes, std::min(roomy, budget)));
    if (!larger) return false;
    larger.prefault();
    mapping_ = std::move(larger);
    return true;
  }

  // A block for the calling worker alone; nullptr if the arena is full. Wait-free: one addition. The block is not
  // zeroed.
  std::byte* allocate(std::uint64_t bytes) noexcept {
    const std::uint64_t rounded = base::align_up(bytes, kBlockAlignment);
    // relaxed: only the counter is shared; the executor's join publishes what is written into the block.
    const std::uint64_t offset = used_.fetch_add_relaxed(rounded);
    if (rounded < bytes || offset > capacity() || rounded > capacity() - offset) {
      used_.fetch_sub_relaxed(rounded);
      return nullptr;
    }
    return mapping_.data() + offset;
  }

  std::uint64_t used() const noexcept { return used_.load_relaxed(); }
  std::uint64_t capacity() const noexcept { return mapping_.size(); }
  bool valid() const noexcept { return used() <= capacity() && used() % kBlockAlignment == 0; }  // O(1)

 private:
  Mapping mapping_;
  alignas(base::kCacheLine) Atom<std::uint64_t> used_{};
};

}  // namespace vmbsave::mem
