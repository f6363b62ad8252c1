// time_line.hpp: how many are in use over time, in a bounded number of equal parts of it.
#pragma once

#include <cstdint>
#include <vector>

#include "trace/profile.hpp"

namespace vmbsave::profile {

class TimeLine {
 public:
  // From 0 to `end_ns`; what ends at once has one part, of one nanosecond.
  explicit TimeLine(std::uint64_t end_ns);

  // So many were in use since the last call, and until this time.
  void hold(std::uint64_t in_use, std::uint64_t until_ns);

  // So many are in use at the time of the last call.
  void reach(std::uint64_t in_use);

  std::uint64_t bucket_ns() const noexcept { return bucket_ns_; }
  std::vector<double> means() const;
  const std::vector<std::uint64_t>& peaks() const noexcept { return peaks_; }
  double mean() const;

 private:
  std::size_t bucket_of(std::uint64_t time_ns) const noexcept;

  const std::uint64_t end_ns_;
  const std::uint64_t bucket_ns_;
  std::uint64_t now_ns_ = 0;
  std::vector<double> areas_;  // requests x nanoseconds
  std::vector<std::uint64_t> peaks_;
};

}  // namespace vmbsave::profile
