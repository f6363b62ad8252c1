// histogram.hpp: times of many calls, in room that does not grow: 128 steps for each power of two, so that what is read
// back is less than 1 % too large, never too small.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "report/percentiles.hpp"

namespace vmbsave::bench {

class Histogram {
 public:
  void add(std::uint64_t value) noexcept {
    ++counts_[index_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void add(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const noexcept { return count_; }
  std::optional<std::uint64_t> max() const noexcept { return count_ == 0 ? std::nullopt : std::optional(max_); }

  // Nearest rank; absent with fewer than 10 values beyond it.
  std::optional<std::uint64_t> percentile(double fraction) const {
    const auto rank = report::percentile_rank(count_, fraction);
    if (!rank) return std::nullopt;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= *rank) return std::min(largest_of(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kStepBits = 7;
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << kStepBits;

  static std::size_t index_of(std::uint64_t value) noexcept {
    if (value < kSteps) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kStepBits - 1;
    return shift * kSteps + (value >> shift);
  }
  static std::uint64_t largest_of(std::size_t index) noexcept {
    if (index < 2 * kSteps) return index;
    const std::uint64_t shift = index / kSteps - 1;
    return ((index % kSteps + kSteps + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>((64 - kStepBits + 1) * kSteps);
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace vmbsave::bench
