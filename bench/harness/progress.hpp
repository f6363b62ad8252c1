// progress.hpp: one live line on standard error for long steps: a bar, the speed, the time left. Nothing at all where
// standard error is no terminal, or cannot go back in its line. No escape codes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace vmbsave::bench {

// Told of a long step how many of its parts are done.
using Watch = std::function<void(std::uint64_t done, std::uint64_t total)>;

class Progress {
 public:
  explicit Progress(bool quiet = false);
  ~Progress() { end(); }
  Progress(const Progress&) = delete;

  void show(const char* step, std::uint64_t done, std::uint64_t total);

  // A step's watch, for as long as this lives.
  Watch watch(std::string step);

  // Wipes the line: before anything else is printed.
  void end();

  // Of any: the line of the terminal is not empty. A signal handler may ask.
  static bool is_shown() noexcept;

 private:
  std::string speed(std::uint64_t now, std::uint64_t done, std::uint64_t total) const;
  void write(const std::string& line);

  const bool terminal_;
  std::string step_;
  std::uint64_t step_start_ns_ = 0;
  std::uint64_t start_done_ = 0;
  std::uint64_t last_done_ = 0;
  std::uint64_t last_ns_ = 0;
  std::size_t shown_ = 0;  // columns
};

// "save   43 % [====>      ]", with `after` behind it, as wide as the terminal allows: the bar is what gives way.
std::string progress_line(const std::string& step, double share, const std::string& after, unsigned columns);

}  // namespace vmbsave::bench
