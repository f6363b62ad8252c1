// signal_guard.hpp: keeps a signal that a write raises in its own thread from everybody: SIGPIPE, or SIGXFSZ beyond
// RLIMIT_FSIZE. The write's errno says the same, and the default of both is to end the process.
#pragma once

#include <csignal>

namespace vmbsave::io {

class SignalGuard {
 public:
  explicit SignalGuard(int signal) noexcept;
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // Takes away what was raised since, and puts the thread's mask back. errno stays.
  ~SignalGuard();

 private:
  sigset_t signal_{};
  sigset_t mask_{};
  bool blocks_ = false;
};

}  // namespace vmbsave::io
