// arrival_order.hpp: which of a channel's packets came first, second, ... Packets complete in any order, so that after
// some traffic the table holds them in none; comparing them was half of a save's time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmbsave::save {

// A packet's rank is the number of bits below its own in a map with a bit for each sequence number. The map covers the
// 32 * count latest numbers; packets that have been in use for longer than that come first, and are few: they are
// sorted by comparing. O(count), but for these.
class ArrivalOrder {
 public:
  // Of `count` different sequence numbers, all behind `rank_of_first` others. `scratch` has room for 2 * count, and
  // belongs to the order while it is in use.
  ArrivalOrder(const std::uint64_t* sequences, std::size_t count, std::size_t rank_of_first,
               std::uint64_t* scratch) noexcept
      : words_(scratch), rank_of_first_(rank_of_first) {
    if (count == 0) return;
    const auto [smallest, largest] = bounds(sequences, count);
    const std::uint64_t covered = (count + 1) / 2 * kNumbers;
    first_ = largest - smallest < covered ? smallest : largest - (covered - 1);
    std::fill_n(words_, ((largest - first_) / kNumbers + 1) * 2, 0u);
    old_end_ = old_ = scratch + (count + 1) / 2 * 2;
    for (std::size_t i = 0; i < count; ++i) {
      if (sequences[i] < first_) [[unlikely]] {
        *old_end_++ = sequences[i];
      } else {
        // By turns into the two words: an addition to one waits for the one before.
        const std::uint64_t at = sequences[i] - first_;
        words_[at / kNumbers * 2 + i % 2] |= std::uint64_t{1} << (at % kNumbers);
      }
    }
    std::sort(old_, old_end_);
    std::uint64_t before = rank_of_first + static_cast<std::size_t>(old_end_ - old_);
    for (std::uint64_t at = 0; before != rank_of_first + count; at += kNumbers) {
      present(at) |= rank_of(at);
      rank_of(at) = before;
      before += static_cast<unsigned>(std::popcount(present(at)));
    }
  }

  // `sequence` is one of the numbers.
  std::size_t rank(std::uint64_t sequence) const noexcept {
    const std::uint64_t at = sequence - first_;
    if (sequence < first_) [[unlikely]] {
      return rank_of_first_ + static_cast<std::size_t>(std::lower_bound(old_, old_end_, sequence) - old_);
    }
    const std::uint64_t below = ~(~std::uint64_t{0} << (at % kNumbers));
    return rank_of(at) + static_cast<unsigned>(std::popcount(present(at) & below));
  }

 private:
  static constexpr std::uint64_t kNumbers = 64;

  // Of the 64 numbers in a row that `at` is one of: which are there, and the rank of the first of them.
  std::uint64_t& present(std::uint64_t at) const noexcept { return words_[at / kNumbers * 2]; }
  std::uint64_t& rank_of(std::uint64_t at) const noexcept { return words_[at / kNumbers * 2 + 1]; }

  struct Bounds {
    std::uint64_t smallest;
    std::uint64_t largest;

    void take(std::uint64_t sequence) noexcept {
      smallest = std::min(smallest, sequence);
      largest = std::max(largest, sequence);
    }
  };

  // Four by turns: a comparison waits for the one before.
  static Bounds bounds(const std::uint64_t* sequences, std::size_t count) noexcept {
    constexpr std::size_t kTurns = 4;
    Bounds found[kTurns];
    for (Bounds& some : found) some = {sequences[0], sequences[0]};
    std::size_t i = 0;
    for (; i + kTurns <= count; i += kTurns) {
      for (std::size_t turn = 0; turn < kTurns; ++turn) found[turn].take(sequences[i + turn]);
    }
    for (; i < count; ++i) found[0].take(sequences[i]);
    for (const Bounds& some : found) {
      found[0].take(some.smallest);
      found[0].take(some.largest);
    }
    return found[0];
  }

  std::uint64_t* words_;          // two for each 64 numbers
  std::uint64_t first_ = 0;       // the smallest number that the map covers
  std::uint64_t* old_ = nullptr;  // the numbers below it, ascending
  std::uint64_t* old_end_ = nullptr;
  std::size_t rank_of_first_;
};

}  // namespace vmbsave::save
