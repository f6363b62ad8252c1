#include "gate/control.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstring>

#include "base/clock.hpp"

namespace vmbsave::gate {
namespace {

constexpr std::size_t kControlBytes = std::size_t{1} << 20;  // beyond the first cache, as a save's image is
constexpr std::size_t kHogBytes = std::size_t{32} << 20;     // beyond the last one of most, at least its fair share
constexpr std::size_t kHogStep = std::size_t{64} << 10;

// Off the CPU that the measurement is bound to, if there are others.
void leave_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  for (long i = 0; i < cpus; ++i) {
    if (i != cpu) CPU_SET(static_cast<std::size_t>(i), &set);
  }
  (void)sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

Control::Control() : from_(kControlBytes, std::byte{1}), to_(kControlBytes) {}

std::uint64_t Control::run() {
  std::memcpy(to_.data(), from_.data(), from_.size());
  const std::uint64_t start = base::now_ns();
  std::memcpy(to_.data(), from_.data(), from_.size());
  const std::uint64_t end = base::now_ns();
  from_[0] = to_[end % to_.size()];  // it is used: the copy is not left out
  return end - start;
}

Hog::Hog()
    : thread_([this, cpu = sched_getcpu()] {
        leave_cpu(cpu);
        work();
      }) {}

Hog::~Hog() {
  ends_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void Hog::work() {
  std::vector<std::byte> from(kHogBytes, std::byte{1});
  std::vector<std::byte> to(kHogBytes);
  std::size_t at = 0;
  while (!ends_.load(std::memory_order_relaxed)) {
    if (!works_.load(std::memory_order_relaxed)) continue;
    std::memcpy(to.data() + at, from.data() + at, kHogStep);
    at = (at + kHogStep) % kHogBytes;
  }
}

}  // namespace vmbsave::gate
