// save_timeline.hpp: what completions take, by when they began: so long before or after a save's cut. All saves of a
// row lie one over the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "scenarios/save_under_load/histogram.hpp"
#include "scenarios/save_under_load/time_span.hpp"

namespace vmbsave::bench {

class SaveTimeline {
 public:
  struct Times {
    Histogram complete;  // calls of complete(), those that were timed
    Histogram delivery;  // from the intended completion (closed loop: the call) until the guest sees it
  };
  struct Bin {
    std::uint64_t saves = 0;  // around whose cuts the load ran in the bin's middle: that many times it was looked at
    Times times;
  };

  SaveTimeline() = default;                                                         // no bins: nothing is kept
  SaveTimeline(std::uint64_t bins_before, std::uint64_t bin_ns, std::size_t bins);  // the cut is where a bin begins

  // As wide as a gap allows: of it a third before the cut, and as much as four thirds behind it.
  static SaveTimeline around(std::uint64_t gap_ns);

  // Of one phase, in nanoseconds. A call belongs to the save before it and, within the time before its cut, to the one
  // that comes: so it may count twice. With the last save the load ends.
  void add_saves(std::uint64_t begin_ns, std::span<const TimeSpan> saves);
  void add_calls(Histogram Times::*kind, std::span<const TimeSpan> saves, std::span<const TimeSpan> calls);

  std::uint64_t before_ns() const noexcept { return before_ns_; }
  std::uint64_t bin_ns() const noexcept { return bin_ns_; }
  const std::vector<Bin>& bins() const noexcept { return bins_; }

  Times before;  // the cut, and over before it
  Times during;  // overlapping a save, each of its own length
  Times after;   // the save's end, as far as the bins go

 private:
  Bin* bin_at(std::int64_t from_cut_ns) noexcept;  // nullptr: outside

  std::uint64_t before_ns_ = 0;
  std::uint64_t bin_ns_ = 0;
  std::vector<Bin> bins_;
};

}  // namespace vmbsave::bench
