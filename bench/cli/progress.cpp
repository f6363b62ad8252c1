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
std::string Progress::time_left(std::uint64_t now, std::uint64_t done, std::uint64_t total) const {
  constexpr double kWorthSaying = 5;  // seconds
  if (done <= start_done_ || total < done) return "";
  const double seconds = static_cast<double>(now - step_start_ns_) * 1e-9;
  const double left = seconds * static_cast<double>(total - done) / static_cast<double>(done - start_done_);
  return left < kWorthSaying ? "" : fmt::format(", {:.0f} s left", left);
}

void Progress::show(const char* step, std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kRefreshNs = 100'000'000;
  if (!terminal_) return;
  const std::uint64_t now = base::now_ns();
  if (step_ != step || done < last_done_) {
    step_ = step;
    step_start_ns_ = now;
    start_done_ = done;
  }
  last_done_ = done;
  if (shown_ && now - last_ns_ < kRefreshNs) return;
  last_ns_ = now;
  shown_ = true;
  const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  fmt::print(stderr, "\r\033[K{} {:3.0f} %{}", step, 100 * share, time_left(now, done, total));
  std::fflush(stderr);
}

}  // namespace vmbsave::cli
