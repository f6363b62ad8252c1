// heap.hpp: whether memory is lost from round to round.
#pragma once

#include <cstdint>

namespace vmbsave::verify {

// Bytes that malloc has handed out in this process; 0 where it does not tell, as under a sanitizer or another
// allocator: nothing is found then.
std::uint64_t heap_in_use() noexcept;

// While it lives, free overwrites what it gets, where the allocator can do so: what is read after that shows.
class ForgetfulHeap {
 public:
  ForgetfulHeap() noexcept;
  ~ForgetfulHeap();
  ForgetfulHeap(const ForgetfulHeap&) = delete;
};

// Rounds of the same work. What the first ones keep for the next is not lost; what every one of the others adds is. How
// malloc cuts memory into chunks can make it more for some rounds, so that a loss is believed after many.
class HeapRounds {
 public:
  // At the end of a round.
  void end_round() noexcept;
  bool is_over() const noexcept { return rounds_ >= (least_ == 0 ? kRounds : kRoundsOfLoss); }
  // What each round adds at least; 0: nothing is lost.
  std::uint64_t lost_each() const noexcept { return is_over() ? least_ : 0; }

 private:
  static constexpr unsigned kWarm = 3;
  static constexpr unsigned kRounds = kWarm + 6;
  static constexpr unsigned kRoundsOfLoss = kWarm + 60;

  std::uint64_t last_ = heap_in_use();
  std::uint64_t least_ = UINT64_MAX;
  unsigned rounds_ = 0;
};

}  // namespace vmbsave::verify
