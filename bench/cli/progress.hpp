// progress.hpp: one live line on standard error for long steps; nothing at all when that is not a terminal.
#pragma once

#include <cstdint>
#include <string>

namespace vmbsave::cli {

class Progress {
 public:
  Progress();
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;

  void show(const char* step, std::uint64_t done, std::uint64_t total);

 private:
  std::string time_left(std::uint64_t now, std::uint64_t done, std::uint64_t total) const;

  const bool terminal_;
  std::string step_;
  std::uint64_t step_start_ns_ = 0;
  std::uint64_t start_done_ = 0;
  std::uint64_t last_done_ = 0;
  std::uint64_t last_ns_ = 0;
  bool shown_ = false;
};

}  // namespace vmbsave::cli
