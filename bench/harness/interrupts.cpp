#include "harness/interrupts.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "harness/child.hpp"
#include "harness/exit_codes.hpp"
#include "harness/progress.hpp"

namespace vmbsave::bench {
namespace {

char program_name[64] = "";
std::atomic<const char*> what_is_kept = "";
std::atomic<int> held = 0;     // HeldInterrupts that live
std::atomic<int> pending = 0;  // the signal that came
char path_to_remove[4096];
std::atomic<bool> has_path = false;
std::atomic<bool> ending = false;
static_assert(std::atomic<int>::is_always_lock_free);

void say(const char* text) noexcept { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

const char* name_of(int signal) noexcept {
  if (signal == SIGINT) return "SIGINT";
  return signal == SIGTERM ? "SIGTERM" : "SIGHUP";
}

// What a handler may call, and nothing else.
[[noreturn]] void end(int signal) noexcept {
  while (ending.exchange(true)) pause();  // another thread is at it
  if (has_path) unlink(path_to_remove);
  if (const pid_t child = running_child(); child != 0) kill(-child, SIGKILL);
  if (Progress::is_shown()) say("\n");
  for (const char* const text :
       {static_cast<const char*>(program_name), ": interrupted by ", name_of(signal), "; ", what_is_kept.load()}) {
    say(text);
  }
  say("\n");
  _exit(kSignalled + signal);
}

// Either it sees that a file is being written, or who begins one sees the signal: both look after they have said.
void on_signal(int signal) {
  int none = 0;
  if (!pending.compare_exchange_strong(none, signal)) return;
  if (held == 0) end(signal);
}

}  // namespace

void end_on_interrupts(const char* name, const char* kept) {
  std::snprintf(program_name, sizeof program_name, "%s", name);
  what_is_kept = kept;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Ignored before, as by nohup: that stays.
    if (std::signal(number, on_signal) == SIG_IGN) std::signal(number, SIG_IGN);
  }
}

void say_when_interrupted(const char* kept) { what_is_kept = kept; }

void remove_when_interrupted(const char* path) {
  has_path = false;
  if (std::strlen(path) >= sizeof path_to_remove) return;
  std::strcpy(path_to_remove, path);
  has_path = true;
}

HeldInterrupts::HeldInterrupts() noexcept {
  if (held++ == 0 && pending != 0) end(pending);
}

HeldInterrupts::~HeldInterrupts() {
  if (--held == 0 && pending != 0) end(pending);
}

}  // namespace vmbsave::bench
