// size_counts.hpp: how many requests have which size; of bounded size, however many sizes there are.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "trace/profile.hpp"

namespace vmbsave::profile {

class SizeCounts {
 public:
  // In order of submission.
  void add(std::uint32_t bytes);

  // Sizes are rounded up to its multiples: the least power of two with which there are no more than kMostSizes.
  std::uint32_t step() const noexcept { return step_; }

  // The most frequent first, of equals the first seen.
  std::vector<trace::SizeShare> sorted() const;

 private:
  struct Count {
    std::uint64_t requests;
    std::uint64_t first;  // request
  };

  std::uint32_t rounded(std::uint64_t bytes) const noexcept;
  void fold();

  std::unordered_map<std::uint32_t, Count> counts_;
  std::uint32_t step_ = 1;
  std::uint64_t added_ = 0;
};

}  // namespace vmbsave::profile
