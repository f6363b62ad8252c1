#include "scenarios/profile/size_counts.hpp"

#include <algorithm>
#include <tuple>

#include "trace/readers.hpp"

namespace vmbsave::profile {

void SizeCounts::add(std::uint32_t bytes) {
  const auto [entry, is_new] = counts_.try_emplace(rounded(bytes), Count{0, added_});
  ++entry->second.requests;
  ++added_;
  while (counts_.size() > trace::kMostSizes) fold();
}

std::uint32_t SizeCounts::rounded(std::uint64_t bytes) const noexcept {
  constexpr std::uint64_t kMost = UINT32_MAX / trace::kSectorBytes * trace::kSectorBytes;
  return static_cast<std::uint32_t>(std::max(bytes, std::min(kMost, (bytes + step_ - 1) / step_ * step_)));
}

// What was rounded up to the multiples of a power of two is rounded up to those of the next as the sizes themselves
// would be: the order of the requests does not matter.
void SizeCounts::fold() {
  step_ *= 2;
  std::unordered_map<std::uint32_t, Count> counts;
  for (const auto& [bytes, count] : counts_) {
    const auto [entry, is_new] = counts.try_emplace(rounded(bytes), count);
    if (is_new) continue;
    entry->second.requests += count.requests;
    entry->second.first = std::min(entry->second.first, count.first);
  }
  counts_ = std::move(counts);
}

std::vector<trace::SizeShare> SizeCounts::sorted() const {
  std::vector<std::pair<std::uint32_t, Count>> counts(counts_.begin(), counts_.end());
  std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return std::tuple(b.second.requests, a.second.first) < std::tuple(a.second.requests, b.second.first);
  });
  std::vector<trace::SizeShare> sizes;
  for (const auto& [bytes, count] : counts) sizes.push_back({bytes, count.requests});
  return sizes;
}

}  // namespace vmbsave::profile
