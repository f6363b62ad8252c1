#include "harness/hiccup.hpp"

#include <sched.h>

#include <algorithm>

#include "base/clock.hpp"

namespace vmbsave::bench {
namespace {

// Stays on the processor where it is, which is where the last save ran; where that is refused, wherever it is put.
class StayHere {
 public:
  StayHere() noexcept {
    cpu_set_t here;
    CPU_ZERO(&here);
    const int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    CPU_SET(static_cast<unsigned>(cpu), &here);
    stays_ = sched_setaffinity(0, sizeof here, &here) == 0;
  }
  ~StayHere() {
    if (stays_) sched_setaffinity(0, sizeof before_, &before_);
  }
  StayHere(const StayHere&) = delete;
  StayHere& operator=(const StayHere&) = delete;

 private:
  cpu_set_t before_{};
  bool stays_ = false;
};

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
  const StayHere stay;
  std::vector<std::uint64_t> gaps(windows);
  for (std::uint64_t& gap : gaps) gap = largest_gap(window_ns);
  return gaps;
}

}  // namespace vmbsave::bench
