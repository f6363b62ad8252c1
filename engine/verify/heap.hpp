// heap.hpp: whether memory is lost from round to round.
#pragma once

#include <cstdint>

namespace vmbsave::verify {

// Bytes that malloc has handed out in this process; 0 where it does not tell, as under a sanitizer or another
// allocator: nothing is found then.
std::uint64_t heap_in_use() noexcept;

// Rounds of the same work. What the first ones keep for the next is not lost; what every one of the others adds is.
class HeapRounds {
 public:
  // At the end of a round.
  void end_round() noexcept;
  bool is_over() const noexcept { return rounds_ == kRounds; }
  // What each round adds at least; 0: nothing is lost.
  std::uint64_t lost_each() const noexcept { return is_over() ? least_ : 0; }

 private:
  // malloc keeps up to seven freed pieces of each size for a thread, and counts them as handed out: full by then.
  static constexpr unsigned kWarm = 8;
  static constexpr unsigned kRounds = kWarm + 6;

  std::uint64_t last_ = heap_in_use();
  std::uint64_t least_ = UINT64_MAX;
  unsigned rounds_ = 0;
};

}  // namespace vmbsave::verify
