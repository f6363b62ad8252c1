#include "harness/hiccup.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace vmbsave::bench {
namespace {

std::uint64_t largest_gap(std::uint64_t window_ns) noexcept {
  const std::uint64_t start = base::now_ns();
  std::uint64_t last = start;
  std::uint64_t largest = 0;
  do {
    const std::uint64_t now = base::now_ns();
    largest = std::max(largest, now - last);
    last = now;
  } while (last - start < window_ns);
  return largest;
}

}  // namespace

std::vector<std::uint64_t> largest_gaps(std::uint64_t window_ns, std::size_t windows) {
  std::vector<std::uint64_t> gaps(windows);
  for (std::uint64_t& gap : gaps) gap = largest_gap(window_ns);
  return gaps;
}

}  // namespace vmbsave::bench
