// time_span.hpp: when something began and ended, on one clock, and room for many of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmbsave::bench {

struct TimeSpan {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Room that is there, and touched, before the first one: add() is called between two calls that are measured. What no
// longer fits is not kept.
class TimeSpans {
 public:
  explicit TimeSpans(std::size_t most = 0) : spans_(most) {}
  void add(std::uint64_t begin, std::uint64_t end) noexcept {
    if (count_ != spans_.size()) spans_[count_++] = {begin, end};
  }
  std::span<TimeSpan> spans() noexcept { return {spans_.data(), count_}; }
  void clear() noexcept { count_ = 0; }

 private:
  std::vector<TimeSpan> spans_;
  std::size_t count_ = 0;
};

}  // namespace vmbsave::bench
