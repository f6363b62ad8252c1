#include "harness/interrupts.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "harness/child.hpp"
#include "harness/exit_codes.hpp"
#include "harness/one_line.hpp"
#include "harness/progress.hpp"

namespace vmbsave::bench {
namespace {

char program_name[64] = "";
std::atomic<const char*> what_is_kept = nullptr;
std::mutex kept_lock;  // of who adds; the handler takes none
char kept_files[8192];
std::atomic<bool> keeps_others = false;   // that found no room
std::atomic<std::size_t> kept_bytes = 0;  // of them, what is there for good
std::atomic<int> held = 0;                // HeldInterrupts that live
std::atomic<int> pending = 0;             // the signal that came
char path_to_remove[4096];
std::atomic<bool> has_path = false;
std::atomic<bool> ending = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free &&
              std::atomic<std::size_t>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free);

void say(const char* text, std::size_t bytes) noexcept { (void)!write(STDERR_FILENO, text, bytes); }
void say(const char* text) noexcept { say(text, std::strlen(text)); }

void say_what_is_kept() noexcept {
  const std::size_t bytes = kept_bytes;
  if (const char* const kept = what_is_kept; kept != nullptr) {
    say(kept);
  } else if (bytes == 0) {
    say("nothing was written");
  } else {
    say(kept_files, bytes);
    if (keeps_others) say(", and others");
  }
}

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
  for (const char* const text : {static_cast<const char*>(program_name), ": interrupted by ", name_of(signal), "; "}) {
    say(text);
  }
  say_what_is_kept();
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

void end_on_interrupts(const char* name) {
  const HeldInterrupts held_here;  // the handler may be there already, and reads the name
  std::snprintf(program_name, sizeof program_name, "%s", name);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Ignored before, as by nohup: that stays.
    if (std::signal(number, on_signal) == SIG_IGN) std::signal(number, SIG_IGN);
  }
}

void say_when_interrupted(const char* kept) { what_is_kept = kept; }

void keep_when_interrupted(const std::string& path) {
  const std::lock_guard lock(kept_lock);
  const std::size_t used = kept_bytes;
  const std::string text = (used == 0 ? "kept: " : ", ") + one_line(path);
  if (keeps_others || text.size() > sizeof kept_files - used) {
    keeps_others = true;
    return;
  }
  std::memcpy(kept_files + used, text.data(), text.size());
  kept_bytes = used + text.size();
}

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
