// steps_said.hpp: what a command of minutes is at: a live line on a terminal, and else a line where a step begins.
#pragma once

#include <string>

#include "harness/progress.hpp"

namespace vmbsave::cli {

class StepsSaid {
 public:
  explicit StepsSaid(bool quiet);

  void show(const char* step, std::uint64_t done, std::uint64_t total);

 private:
  bench::Progress progress_;
  const bool has_lines_;
  std::string step_;
};

}  // namespace vmbsave::cli
