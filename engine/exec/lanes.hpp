// lanes.hpp: the items of a loop, dealt to its threads as runs of neighbours. A thread takes those of its own lane
// first and then what is left of the others', so that it meets the memory that it wrote in the loop before, and threads
// write beside each other only where one helps out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "base/check.hpp"

namespace vmbsave::exec {

template <template <class> class Atom>
class Lanes {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;

  // Room for so many threads. Throws std::bad_alloc.
  void prepare(unsigned threads) {
    if (room_ >= threads) return;
    lanes_ = std::make_unique<Lane[]>(threads);
    room_ = threads;
  }

  unsigned room() const noexcept { return room_; }

  // Items from 0 on, for 1 to room() threads. By one thread, before the others come.
  void deal(std::size_t items, unsigned threads) noexcept {
    VMBSAVE_ASSERT(threads != 0 && threads <= room_);
    count_ = threads;
    for (unsigned i = 0; i < count_; ++i) {
      lanes_[i].next.store_relaxed(items * i / count_);
      lanes_[i].end = items * (i + 1) / count_;
    }
    taken_.store_relaxed(0);
  }

  // The lane of a thread that comes. The one that called deal has the first: others come in no order, it comes always.
  unsigned enter(bool is_dealer) noexcept {
    return is_dealer || count_ == 1 ? 0 : 1 + taken_.fetch_add_relaxed(1) % (count_ - 1);
  }

  // An item that no thread has claimed yet, or kNone for good. `lane`: as of enter; moves on when it is empty.
  std::size_t claim(unsigned& lane) noexcept {
    for (unsigned tried = 0; tried < count_; ++tried) {
      const std::size_t item = claim_here(lane);
      if (item != kNone) return item;
      lane = lane + 1 == count_ ? 0 : lane + 1;
    }
    return kNone;
  }

  // Likewise the next one of this lane, if may_claim(it), and kNone if another thread is at it: for a thread that is
  // still busy, while others may be idle.
  template <class MayClaim>
  std::size_t claim_ahead(unsigned lane, MayClaim&& may_claim) noexcept {
    Lane& from = lanes_[lane];
    std::size_t item = from.next.load_relaxed();
    if (item >= from.end || !may_claim(item)) return kNone;
    return from.next.compare_exchange_relaxed(item, item + 1) ? item : kNone;
  }

 private:
  std::size_t claim_here(unsigned lane) noexcept {
    Lane& from = lanes_[lane];
    if (from.next.load_relaxed() >= from.end) return kNone;
    // relaxed: only the item is claimed; what starts and joins the threads orders all else.
    const std::size_t item = from.next.fetch_add_relaxed(1);
    return item < from.end ? item : kNone;
  }

  struct alignas(base::kCacheLine) Lane {
    Atom<std::size_t> next{};
    std::size_t end = 0;
  };

  std::unique_ptr<Lane[]> lanes_;
  unsigned room_ = 0;
  unsigned count_ = 0;
  Atom<unsigned> taken_{};
};

}  // namespace vmbsave::exec
