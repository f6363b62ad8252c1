#include "e2e/migration/process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

namespace vmbsave::migration {

Process::Process(const std::function<int()>& run) {
  std::fflush(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  _exit(getppid() == parent ? run() : 1);
}

Process::~Process() {
  kill();
  while (!ended_ && waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
}

bool Process::ended() {
  if (!ended_) ended_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return ended_;
}

void Process::kill() noexcept {
  if (!ended_) ::kill(pid_, SIGKILL);
}

bool Process::was_killed() const noexcept { return ended_ && WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
bool Process::ended_well() const noexcept { return ended_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

}  // namespace vmbsave::migration
