// level_counts.hpp: how much of something was spent at each level in use; of bounded size, however high they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "trace/profile.hpp"

namespace vmbsave::profile {

// Exact up to level 65,535. Above, levels share classes of equal width, the least power of two that does; what comes
// out of it is then the highest level of a class.
class LevelCounts {
 public:
  // `weight`: a number of arrivals, or nanoseconds.
  void add(std::uint64_t level, std::uint64_t weight) {
    most_ = std::max(most_, level);
    total_ += weight;
    while (level >> shift_ >= kClasses) fold();
    weights_[level >> shift_] += weight;
  }

  // The least level that such shares of the whole did not exceed.
  std::vector<trace::Level> levels() const {
    std::vector<trace::Level> levels;
    for (const std::uint64_t permille : {100u, 250u, 500u, 750u, 900u, 950u, 990u, 999u, 1000u}) {
      levels.push_back({static_cast<double>(permille) / kWhole, level_of(permille)});
    }
    return levels;
  }

 private:
  static constexpr std::size_t kClasses = 65'536;
  static constexpr std::uint64_t kWhole = 1000;

  void fold() {
    for (std::size_t i = 0; i < kClasses / 2; ++i) weights_[i] = weights_[2 * i] + weights_[2 * i + 1];
    std::fill(weights_.begin() + kClasses / 2, weights_.end(), 0);
    ++shift_;
  }

  std::uint64_t level_of(std::uint64_t permille) const {
    if (permille == kWhole) return most_;
    const std::uint64_t rest = total_ % kWhole * permille;
    const std::uint64_t needed = total_ / kWhole * permille + (rest + kWhole - 1) / kWhole;
    std::uint64_t passed = 0;
    std::size_t at = 0;
    while (at + 1 < kClasses && (passed += weights_[at]) < needed) ++at;
    return std::min(most_, ((std::uint64_t{at} + 1) << shift_) - 1);
  }

  std::vector<std::uint64_t> weights_ = std::vector<std::uint64_t>(kClasses);
  unsigned shift_ = 0;
  std::uint64_t most_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace vmbsave::profile
