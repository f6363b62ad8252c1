#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/clock.hpp"

namespace vmbsave::cli {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void Progress::show(const char* step, std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kRefreshNs = 100'000'000;
  if (!terminal_) return;
  const std::uint64_t now = base::now_ns();
  if (shown_ && now - last_ns_ < kRefreshNs) return;
  last_ns_ = now;
  shown_ = true;
  const double share = total == 0 ? 0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
  fmt::print(stderr, "\r\033[K{} {:3.0f} %", step, share);
  std::fflush(stderr);
}

}  // namespace vmbsave::cli
