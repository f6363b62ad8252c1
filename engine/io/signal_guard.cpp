#include "io/signal_guard.hpp"

#include <cerrno>
#include <ctime>

namespace vmbsave::io {

// One that is pending already is blocked, and another of the same kind does not add to it: nothing to do.
SignalGuard::SignalGuard(int signal) noexcept {
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  if (sigismember(&pending, signal) == 1) return;
  sigemptyset(&signal_);
  sigaddset(&signal_, signal);
  blocks_ = pthread_sigmask(SIG_BLOCK, &signal_, &mask_) == 0;
}

SignalGuard::~SignalGuard() {
  if (!blocks_) return;
  const int error = errno;
  const timespec at_once{};
  while (sigtimedwait(&signal_, nullptr, &at_once) < 0 && errno == EINTR) {
  }
  pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  errno = error;
}

}  // namespace vmbsave::io
