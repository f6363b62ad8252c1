#include <linux/perf_event.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "compiled.hpp"
#include "report/doctor.hpp"

namespace vmbsave::report {
namespace {

// The fastest of some batches: others only make it slower.
std::uint64_t clock_read_ns() {
  constexpr int kBatches = 10;
  constexpr int kReadings = 100;
  std::uint64_t fastest = UINT64_MAX;
  for (int batch = 0; batch < kBatches; ++batch) {
    const std::uint64_t start = base::now_ns();
    for (int reading = 1; reading < kReadings; ++reading) (void)base::now_ns();
    fastest = std::min(fastest, (base::now_ns() - start) / kReadings);
  }
  return fastest;
}

// Of this thread, outside the kernel, as anybody may have it.
int counter_error() {
  perf_event_attr instructions{};
  instructions.size = sizeof instructions;
  instructions.type = PERF_TYPE_HARDWARE;
  instructions.config = PERF_COUNT_HW_INSTRUCTIONS;
  instructions.disabled = 1;
  instructions.exclude_kernel = 1;
  instructions.exclude_hv = 1;
  const long counter = syscall(SYS_perf_event_open, &instructions, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (counter < 0) return errno;
  close(static_cast<int>(counter));
  return 0;
}

std::optional<std::uint64_t> memory_lock_bytes() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

bool fixed_addresses() {
  constexpr unsigned long kAsk = 0xffffffff;
  const int now = personality(kAsk);
  return now >= 0 && (now & ADDR_NO_RANDOMIZE) != 0;
}

}  // namespace

ProcessFacts this_process(const std::string& google_benchmark) {
  return {.clock_read_ns = clock_read_ns(),
          .counter_error = counter_error(),
          .memory_lock_bytes = memory_lock_bytes(),
          .fixed_addresses = fixed_addresses(),
          .build_type = compiled::kBuildType,
          .check_level = VMBSAVE_CHECK,
          .sanitizer = compiled::kSanitizer,
          .google_benchmark = google_benchmark};
}

}  // namespace vmbsave::report
