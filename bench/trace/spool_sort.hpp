#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "trace/spool.hpp"

namespace vmbsave::trace {

/// Merges pairs of ordered runs of `width` records.
template <typename T, typename Before>
void merge_runs(const Spool<T>& from, std::size_t width, Spool<T>& into, Before before) {
  into.clear();
  for (std::size_t at = 0; at < from.size(); at += 2 * width) {
    const T* const first = from.data() + at;
    const T* const second = from.data() + std::min(at + width, from.size());
    const T* const end = from.data() + std::min(at + 2 * width, from.size());
    std::merge(first, second, second, end, std::back_inserter(into), before);
  }
}

/// Puts the records in order; equal ones stay in theirs. Traces mostly are in order, and then this only looks. Else it
/// merges from one spool into another and back, front to back, as files like it; std::stable_sort would ask for memory
/// for half of the records.
template <typename T, typename Before>
void sort_stably(Spool<T>& records, Before before) {
  constexpr std::size_t kRun = 65536;
  if (std::is_sorted(records.begin(), records.end(), before)) return;
  for (std::size_t at = 0; at < records.size(); at += kRun) {
    const std::size_t end = std::min(at + kRun, records.size());
    std::stable_sort(records.data() + at, records.data() + end, before);
  }
  Spool<T> merged;
  for (std::size_t width = kRun; width < records.size(); width *= 2) {
    merge_runs(records, width, merged, before);
    records.swap(merged);
  }
}

}  // namespace vmbsave::trace
