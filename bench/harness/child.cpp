#include "harness/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "harness/pipe.hpp"

extern char** environ;

namespace vmbsave::bench {
namespace {

using Clock = std::chrono::steady_clock;

class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;

  posix_spawn_file_actions_t* get() noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

// In a group of its own, so that whatever it starts ends with it.
class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;

  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

volatile std::sig_atomic_t interrupted_by = 0;
std::atomic<pid_t> running = 0;
static_assert(std::atomic<pid_t>::is_always_lock_free);

void remember(int number) { interrupted_by = number; }

pid_t start(const ChildSpec& spec, const Pipe& out, const Pipe& err) {
  Actions actions;
  const Attributes attributes;
  if (!spec.folder.empty()) posix_spawn_file_actions_addchdir_np(actions.get(), spec.folder.c_str());
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (spec.log.empty()) {
    posix_spawn_file_actions_adddup2(actions.get(), out.write_end(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(actions.get(), err.write_end(), STDERR_FILENO);
  } else {
    posix_spawn_file_actions_addopen(actions.get(), STDOUT_FILENO, spec.log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0666);
    posix_spawn_file_actions_adddup2(actions.get(), STDOUT_FILENO, STDERR_FILENO);
  }
  const std::vector<char*> arguments = pointers(spec.arguments);
  const std::vector<char*> environment = pointers(spec.environment);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], actions.get(), attributes.get(), arguments.data(), environment.data());
  if (error != 0) {
    throw std::runtime_error(fmt::format("cannot run {}: {}", spec.arguments[0], std::strerror(error)));
  }
  return child;
}

// How long nobody looks at the clock and for signals.
constexpr int kGlanceMs = 100;

// Both pipes until their ends are closed; false: the time was over first, or a signal came.
bool drain(const Pipe& out, const Pipe& err, Clock::time_point deadline, ChildResult& result) {
  std::array<pollfd, 2> polled{{{out.read_end(), POLLIN, 0}, {err.read_end(), POLLIN, 0}}};
  std::array<std::string*, 2> texts{&result.out, &result.err};
  std::array<char, 65536> buffer;
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    if (interrupted_by != 0 || Clock::now() >= deadline) return false;
    const int ready = poll(polled.data(), polled.size(), kGlanceMs);
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) continue;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      const ssize_t n = read(polled[i].fd, buffer.data(), buffer.size());
      if (n > 0) {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(n));
      } else if (n == 0 || errno != EINTR) {
        polled[i].fd = -1;  // poll passes over it
      }
    }
  }
  return true;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// A child with a log has no pipes to wait at.
bool wait_until(pid_t child, Clock::time_point deadline) {
  siginfo_t info{};
  while (interrupted_by == 0 && Clock::now() < deadline) {
    info.si_pid = 0;
    if (waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child) {
      return true;
    }
    usleep(1000);
  }
  return false;
}

}  // namespace

ChildResult run_child(const ChildSpec& spec) {
  Pipe out;
  Pipe err;
  const pid_t child = start(spec, out, err);
  running = child;
  out.close_write_end();
  err.close_write_end();
  ChildResult result;
  const auto deadline = Clock::now() + spec.limit;
  const bool ended =
      spec.log.empty() ? drain(out, err, deadline, result) && wait_until(child, deadline) : wait_until(child, deadline);
  if (!ended) kill(-child, SIGKILL);
  const int status = wait_for(child);
  running = 0;
  if (!ended) throw_if_interrupted();
  if (!ended) {
    result.fate = fmt::format("killed after {} s", spec.limit.count());
  } else if (WIFEXITED(status)) {
    result.exit_code = WEXITSTATUS(status);
    result.fate = fmt::format("exit code {}", result.exit_code);
  } else {
    result.fate = fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return result;
}

Interrupted::Interrupted(int by)
    : std::runtime_error(fmt::format("interrupted by SIG{}", sigabbrev_np(by))), number(by) {}

void watch_for_interrupts() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Ignored before, as by nohup: that stays.
    if (std::signal(number, remember) == SIG_IGN) std::signal(number, SIG_IGN);
  }
}

pid_t running_child() noexcept { return running; }

void throw_if_interrupted() {
  if (interrupted_by != 0) throw Interrupted(interrupted_by);
}

std::string failure_text(const ChildResult& result) {
  if (result.err.empty()) return result.fate;
  return fmt::format("{}: {}", result.fate, result.err.substr(0, result.err.find('\n')));
}

std::vector<std::string> own_environment() {
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) result.emplace_back(*variable);
  return result;
}

}  // namespace vmbsave::bench
