#include "scenarios/profile/time_line.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vmbsave::profile {
namespace {

std::uint64_t parts_of(std::uint64_t whole, std::uint64_t part) { return (whole + part - 1) / part; }

// Digits beyond these say nothing.
double rounded(double value) {
  constexpr double kDigits = 1e6;
  return std::round(value * kDigits) / kDigits;
}

}  // namespace

TimeLine::TimeLine(std::uint64_t end_ns)
    : end_ns_(std::max<std::uint64_t>(end_ns, 1)),
      bucket_ns_(parts_of(end_ns_, trace::kMostBuckets)),
      areas_(parts_of(end_ns_, bucket_ns_)),
      peaks_(areas_.size()) {}

std::size_t TimeLine::bucket_of(std::uint64_t time_ns) const noexcept {
  return std::min<std::size_t>(time_ns / bucket_ns_, areas_.size() - 1);
}

void TimeLine::hold(std::uint64_t in_use, std::uint64_t until_ns) {
  while (now_ns_ < until_ns) {
    const std::size_t bucket = bucket_of(now_ns_);
    const bool is_last = bucket == bucket_of(until_ns);
    const std::uint64_t stop = is_last ? until_ns : (bucket + 1) * bucket_ns_;
    areas_[bucket] += static_cast<double>(in_use) * static_cast<double>(stop - now_ns_);
    peaks_[bucket] = std::max(peaks_[bucket], in_use);
    now_ns_ = stop;
  }
}

void TimeLine::reach(std::uint64_t in_use) {
  std::uint64_t& peak = peaks_[bucket_of(now_ns_)];
  peak = std::max(peak, in_use);
}

std::vector<double> TimeLine::means() const {
  std::vector<double> means;
  for (std::size_t bucket = 0; bucket < areas_.size(); ++bucket) {
    const std::uint64_t ns = std::min(bucket_ns_, end_ns_ - bucket * bucket_ns_);  // the last may be shorter
    means.push_back(rounded(areas_[bucket] / static_cast<double>(ns)));
  }
  return means;
}

double TimeLine::mean() const {
  return rounded(std::accumulate(areas_.begin(), areas_.end(), 0.0) / static_cast<double>(end_ns_));
}

}  // namespace vmbsave::profile
