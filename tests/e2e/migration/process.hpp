// process.hpp: a host's process. It does not outlive the one that made it.
#pragma once

#include <sys/types.h>

#include <functional>

namespace vmbsave::migration {

class Process {
 public:
  // The child calls `run` and ends with its exit code. Only of a process of one thread.
  explicit Process(const std::function<int()>& run);
  ~Process();  // kills and waits
  Process(const Process&) = delete;

  // Has it ended? Once it has, kill() has no effect.
  bool ended();
  void kill() noexcept;
  bool was_killed() const noexcept;  // by SIGKILL
  bool ended_well() const noexcept;  // with exit code 0

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace vmbsave::migration
