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

// Of this step, at its speed so far; nothing where that is soon over.
std::string Progress::time_left(std::uint64_t now, double share) const {
  constexpr double kWorthSaying = 5;  // seconds
  if (share <= 0) return "";
  const double left = static_cast<double>(now - step_start_ns_) * 1e-9 * (1 - share) / share;
  return left < kWorthSaying ? "" : fmt::format(", {:.0f} s left", left);
}

void Progress::show(const char* step, std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kRefreshNs = 100'000'000;
  if (!terminal_) return;
  const std::uint64_t now = base::now_ns();
  if (shown_ && now - last_ns_ < kRefreshNs) return;
  last_ns_ = now;
  shown_ = true;
  if (done == 0 || done < last_done_) step_start_ns_ = now;
  last_done_ = done;
  const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  fmt::print(stderr, "\r\033[K{} {:3.0f} %{}", step, 100 * share, time_left(now, share));
  std::fflush(stderr);
}

}  // namespace vmbsave::cli
