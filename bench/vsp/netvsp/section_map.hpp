// section_map.hpp: which sections of a buffer are taken. Any thread, without a lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "vsp/netvsp/wire.hpp"

namespace vmbsave::netvsp {

// A section that is taken belongs to whoever took it, until it is given back: takes are acquire and pair with gives,
// which are release, so that the next owner's writes come after the last one's.
template <std::uint32_t kSections>
class SectionMap {
 public:
  static constexpr std::uint32_t kWordBits = 64;

  // `count` sections side by side (1 to kWordBits), within one word: the first of them, or kNoSection.
  std::uint32_t take(std::uint32_t count) {
    for (std::uint32_t w = 0; w < words_.size(); ++w) {
      const std::uint32_t bit = take_in(w, count);
      if (bit != kWordBits) return w * kWordBits + bit;
    }
    return kNoSection;
  }

  // False: there is no such section, or it is taken.
  bool take_one(std::uint32_t section) {
    if (section >= kSections) return false;
    const std::uint64_t bit = std::uint64_t{1} << section % kWordBits;
    return (words_[section / kWordBits].fetch_or(bit, std::memory_order_acquire) & bit) == 0;
  }

  // By their owner.
  void give(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t section = first; section < first + count; ++section) {
      const std::uint64_t bit = std::uint64_t{1} << section % kWordBits;
      words_[section / kWordBits].fetch_and(~bit, std::memory_order_release);
    }
  }

  // Now; exact while nobody takes or gives.
  std::uint32_t taken() const {
    std::uint32_t count = 0;
    for (const auto& word : words_) {
      count += static_cast<std::uint32_t>(std::popcount(word.load(std::memory_order_relaxed)));
    }
    return count;
  }

  // f(section) for each one taken; while nobody takes or gives.
  template <class Function>
  void for_each_taken(Function&& f) const {
    for (std::uint32_t w = 0; w < words_.size(); ++w) {
      for (std::uint64_t word = words_[w].load(std::memory_order_relaxed); word != 0; word &= word - 1) {
        f(w * kWordBits + static_cast<std::uint32_t>(std::countr_zero(word)));
      }
    }
  }

 private:
  static constexpr std::uint32_t kWords = (kSections + kWordBits - 1) / kWordBits;

  // Those of a word that there are.
  static constexpr std::uint64_t sections_of(std::uint32_t w) {
    const std::uint32_t left = kSections - w * kWordBits;
    return left >= kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
  }

  // Bits from which on `count` are set, side by side.
  static constexpr std::uint64_t runs_in(std::uint64_t bits, std::uint32_t count) {
    for (std::uint32_t i = 1; i < count; ++i) bits &= bits >> 1;
    return bits;
  }

  std::uint32_t take_in(std::uint32_t w, std::uint32_t count) {
    std::uint64_t taken = words_[w].load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t starts = runs_in(sections_of(w) & ~taken, count);
      if (starts == 0) return kWordBits;
      const auto first = static_cast<std::uint32_t>(std::countr_zero(starts));
      const std::uint64_t run = (count == kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << first;
      if (words_[w].compare_exchange_weak(taken, taken | run, std::memory_order_acquire, std::memory_order_relaxed)) {
        return first;
      }
    }
  }

  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace vmbsave::netvsp
