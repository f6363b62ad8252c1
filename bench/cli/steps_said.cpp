#include "cli/steps_said.hpp"

#include <unistd.h>

#include <cstdio>

#include "harness/terminal.hpp"

namespace vmbsave::cli {

StepsSaid::StepsSaid(bool quiet) : progress_(quiet), has_lines_(!quiet && !bench::is_live_terminal(STDERR_FILENO)) {}

void StepsSaid::show(const char* step, std::uint64_t done, std::uint64_t total) {
  if (has_lines_ && step_ != step) std::fputs((std::string(step) + "\n").c_str(), stderr);
  step_ = step;
  progress_.show(step, done, total);
}

}  // namespace vmbsave::cli
