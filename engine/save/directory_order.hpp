// directory_order.hpp: the places of a channel's records in order of arrival. Packets complete in any order, so that
// after some traffic the table holds them in none; comparing them was half of a save's time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"
#include "save/plan.hpp"

namespace vmbsave::save {

// put(rank, place) for each place, its rank being the number of places with a smaller sequence number. The order of
// `places` is not kept. `words` has room for `count`.
//
// A place's rank is the number of bits below its own in a map with a bit for each sequence number. The map covers the
// 64 * count latest numbers; packets that have been in use for longer than that come first, and are few: they are
// sorted by comparing. O(count), but for these.
template <class Put>
void rank_by_sequence(Place* places, std::size_t count, RankWord* words, Put&& put) noexcept {
  if (count == 0) return;
  std::uint64_t smallest = UINT64_MAX;
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    smallest = std::min(smallest, places[i].sequence);
    largest = std::max(largest, places[i].sequence);
  }
  std::size_t old = 0;
  if (largest - smallest >= 64 * count) {
    smallest = largest - (64 * count - 1);
    Place* const recent =
        std::partition(places, places + count, [=](const Place& place) { return place.sequence < smallest; });
    std::sort(places, recent, [](const Place& a, const Place& b) { return a.sequence < b.sequence; });
    for (; places + old != recent; ++old) put(old, places[old]);
  }
  std::fill_n(words, (largest - smallest) / 64 + 1, RankWord{});
  for (std::size_t i = old; i < count; ++i) {
    const std::uint64_t at = places[i].sequence - smallest;
    words[at / 64].present |= std::uint64_t{1} << (at % 64);
  }
  std::size_t before = old;
  for (RankWord* word = words; before != count; ++word) {
    word->before = static_cast<std::uint32_t>(before);
    before += base::count_bits(word->present);
  }
  for (std::size_t i = old; i < count; ++i) {
    const std::uint64_t at = places[i].sequence - smallest;
    const RankWord& word = words[at / 64];
    const std::uint64_t below = (std::uint64_t{1} << (at % 64)) - 1;
    put(word.before + base::count_bits(word.present & below), places[i]);
  }
}

}  // namespace vmbsave::save
