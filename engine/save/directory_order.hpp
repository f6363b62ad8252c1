// directory_order.hpp: puts the places of a channel's records into order of arrival. Packets complete in any order, so
// that after some traffic the table holds them in none; comparing them was half of a save's time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "save/plan.hpp"

namespace vmbsave::save {

// Radix sort by the sequence numbers' distance from the smallest one, a byte at a time, from the lowest; bytes that are
// the same in all are skipped. Gives `first` or `scratch`, whichever holds the result. Both have room for `count`.
// O(count) for each byte of the largest distance: two or three for a channel at work.
inline Place* sort_by_sequence(Place* first, Place* scratch, std::size_t count) noexcept {
  constexpr std::size_t kFewer = 128;  // fewer are sorted faster by comparing
  constexpr unsigned kDigitBits = 8;
  constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
  const auto by_sequence = [](const Place& a, const Place& b) { return a.sequence < b.sequence; };
  if (std::is_sorted(first, first + count, by_sequence)) return first;
  if (count < kFewer) {
    std::sort(first, first + count, by_sequence);
    return first;
  }
  std::uint64_t smallest = UINT64_MAX;
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    smallest = std::min(smallest, first[i].sequence);
    largest = std::max(largest, first[i].sequence);
  }
  const unsigned bits = static_cast<unsigned>(std::bit_width(largest - smallest));
  for (unsigned shift = 0; shift < bits; shift += kDigitBits) {
    const auto digit = [&](const Place& place) { return ((place.sequence - smallest) >> shift) % kDigits; };
    std::array<std::uint32_t, kDigits> next{};  // at first how many, then where the next one goes
    for (std::size_t i = 0; i < count; ++i) ++next[digit(first[i])];
    if (next[digit(first[0])] == count) continue;
    std::uint32_t sum = 0;
    for (std::uint32_t& n : next) sum += std::exchange(n, sum);
    for (std::size_t i = 0; i < count; ++i) scratch[next[digit(first[i])]++] = first[i];
    std::swap(first, scratch);
  }
  return first;
}

}  // namespace vmbsave::save
