#include "vsp/exit_guard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "harness/exit_codes.hpp"
#include "harness/one_line.hpp"

namespace vmbsave::bench {
namespace {

std::atomic<const std::string*> armed{nullptr};

// Nothing is flushed: who prints on another thread holds the lock that would be needed.
void end_if_armed() {
  const std::string* const line = armed.load();
  if (line == nullptr) return;
  (void)!write(STDERR_FILENO, line->data(), line->size());
  _exit(kBadInput);
}

// Once a process: nobody can take a handler back.
void register_handlers() {
  static const bool registered = std::atexit(end_if_armed) == 0 && std::at_quick_exit(end_if_armed) == 0;
  if (!registered) throw std::bad_alloc();
}

}  // namespace

ExitGuard::ExitGuard(const std::string& program, const std::string& file)
    : line_(fmt::format("{}: {}: the VSP ended the process, which only its program may do; 'vmbsave check' says in "
                        "which call\n",
                        program, one_line(file))) {
  register_handlers();
  armed.store(&line_);
}

ExitGuard::~ExitGuard() { armed.store(nullptr); }

}  // namespace vmbsave::bench
