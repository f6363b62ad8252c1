#include "check/trap.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <initializer_list>

namespace vmbsave::check {
namespace {

Trap* the_trap = nullptr;

// SA_RESETHAND: the instruction is done again when this returns, and then it ends the process; so does abort.
void note(int number, siginfo_t* info, void*) {
  Trap& trap = *the_trap;
  if (trap.signal != 0) return;
  const bool is_access = number == SIGSEGV || number == SIGBUS;
  trap.thread = static_cast<std::uint64_t>(gettid());
  trap.address = is_access ? reinterpret_cast<std::uintptr_t>(info->si_addr) : 0;
  trap.has_address = is_access ? 1 : 0;
  trap.signal = static_cast<std::uint32_t>(number);
}

// A handler has no room on a stack that is used up.
void use_another_stack() {
  constexpr std::size_t kBytes = 64 * 1024;
  static char memory[kBytes];
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = kBytes;
  (void)sigaltstack(&stack, nullptr);
}

}  // namespace

void set_trap(Trap& trap) {
  the_trap = &trap;
  use_another_stack();
  struct sigaction action {};
  action.sa_sigaction = note;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP})
    (void)sigaction(number, &action, nullptr);
}

}  // namespace vmbsave::check
