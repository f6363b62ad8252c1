#include "harness/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <utility>

#include "base/clock.hpp"
#include "harness/terminal.hpp"

namespace vmbsave::bench {
namespace {

std::atomic<bool> line_is_shown = false;

// 1234567: 1.23 M.
std::string short_number(double value) {
  for (const char* const unit : {"", " k", " M"}) {
    if (value < 1000) return fmt::format("{:.3g}{}", value, unit);
    value /= 1000;
  }
  return fmt::format("{:.3g} G", value);
}

}  // namespace

bool Progress::is_shown() noexcept { return line_is_shown; }

Progress::Progress(bool quiet) : terminal_(!quiet && is_live_terminal(STDERR_FILENO)) {}

Watch Progress::watch(std::string step) {
  return [this, step = std::move(step)](std::uint64_t done, std::uint64_t total) { show(step.c_str(), done, total); };
}

void Progress::end() {
  if (shown_ == 0) return;
  write("");
  std::fputs("\r", stderr);
}

// Of this step so far, and what is left of it at that speed: nothing where that is soon over.
std::string Progress::speed(std::uint64_t now, std::uint64_t done, std::uint64_t total) const {
  constexpr double kWorthSaying = 5;  // seconds
  if (done <= start_done_ || total < done || now <= step_start_ns_) return "";
  const double rate = static_cast<double>(done - start_done_) / (static_cast<double>(now - step_start_ns_) * 1e-9);
  const double left = static_cast<double>(total - done) / rate;
  const std::string per_second = fmt::format(" {}/s", short_number(rate));
  return left < kWorthSaying ? per_second : fmt::format("{}, {:.0f} s left", per_second, left);
}

// Over what stood there: with blanks, which every terminal has.
void Progress::write(const std::string& line) {
  const std::size_t blanks = shown_ > line.size() ? shown_ - line.size() : 0;
  fmt::print(stderr, "\r{}{}", line, std::string(blanks, ' '));
  std::fflush(stderr);
  shown_ = line.size();
  line_is_shown = shown_ != 0;
}

void Progress::show(const char* step, std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kRefreshNs = 100'000'000;
  constexpr unsigned kUsual = 80;
  if (!terminal_) return;
  const std::uint64_t now = base::now_ns();
  if (step_ != step || done < last_done_) {
    step_ = step;
    step_start_ns_ = now;
    start_done_ = done;
  }
  last_done_ = done;
  if (shown_ != 0 && now - last_ns_ < kRefreshNs) return;
  last_ns_ = now;
  const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  write(progress_line(step, share, speed(now, done, total), terminal_columns(STDERR_FILENO, kUsual)));
}

std::string progress_line(const std::string& step, double share, const std::string& after, unsigned columns) {
  constexpr std::size_t kWidestBar = 40;
  constexpr std::size_t kFrame = 3;                    // a blank and two brackets
  const std::size_t room = std::max(1u, columns) - 1;  // a full line would begin the next one
  std::string line = fmt::format("{} {:3.0f} %", step, 100 * share);
  const std::size_t used = line.size() + after.size() + kFrame;
  if (used < room) {
    const std::size_t width = std::min(room - used, kWidestBar);
    const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(width));
    line += fmt::format(" [{}{}]", std::string(filled, '='), std::string(width - filled, ' '));
  }
  line += after;
  line.resize(std::min(line.size(), room));
  return line;
}

}  // namespace vmbsave::bench
