#include "check/isolated.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

#include "check/trap.hpp"
#include "check/wire.hpp"
#include "harness/pipe.hpp"

namespace vmbsave::check {
namespace {

using Clock = std::chrono::steady_clock;

// What parent and child both see.
struct Shared {
  verify::Journal journal;
  Trap trap;
};

class SharedMemory {
 public:
  SharedMemory() {
    void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    shared_ = new (memory) Shared;
  }
  ~SharedMemory() { munmap(shared_, sizeof(Shared)); }
  SharedMemory(const SharedMemory&) = delete;

  Shared& operator*() const noexcept { return *shared_; }

 private:
  Shared* shared_;
};

// ---- the child ---------------------------------------------------------------------------------------------------

void write_all(int to, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = write(to, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(EXIT_FAILURE);  // nobody is there to be told
    at += static_cast<std::size_t>(written);
  }
}

// No core file of a crash that is expected, no life without the parent, and standard output is the parent's alone.
void settle_in(pid_t parent) {
  const rlimit no_core{0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE);
  // Ctrl-C is for the parent, which says so and takes this process along.
  for (const int number : {SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
  std::signal(SIGTERM, SIG_DFL);
  (void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

// Ends with _exit: what a VSP does at an orderly exit is not examined.
[[noreturn]] void run_child(const Load& load, verify::Options options, Shared& shared, int to) {
  try {
    set_trap(shared.trap);
    const LoadedVsp loaded = load();
    write_all(to, line_of_name(loaded.vsp->name == nullptr ? "" : loaded.vsp->name));
    options.journal = &shared.journal;
    options.on_finding = [to](const verify::Finding& finding) { write_all(to, line_of(finding)); };
    const verify::Report report = verify::examine(*loaded.vsp, options);
    write_all(to, report.not_checked.empty() ? line_of(report) : line_of_failure(report.not_checked));
  } catch (const std::bad_alloc&) {
    write_all(to, line_of_failure("not enough memory"));
  } catch (const std::exception& error) {
    write_all(to, line_of_failure(error.what()));
  } catch (...) {
    write_all(to, line_of_failure("an exception that is no std::exception left a function of the VSP"));
  }
  _exit(EXIT_SUCCESS);
}

// ---- the parent --------------------------------------------------------------------------------------------------

// Measured with the VSPs that are built in: 93 to 106 of each of 2,048 packets. More of few ones, but that is soon
// over.
std::uint64_t expected_calls(const verify::Options& options) noexcept { return std::uint64_t{100} * options.packets; }

std::uint64_t calls_so_far(const verify::Journal& journal) noexcept {
  std::uint64_t calls = 0;
  for (const verify::JournalLane& lane : journal.lanes) calls += lane.calls;
  return calls;
}

class Watcher {
 public:
  Watcher(pid_t child, int from, const Shared& shared, std::chrono::nanoseconds limit) noexcept
      : child_(child), from_(from), shared_(shared), limit_(limit) {}

  // Until the child has ended, by itself or because nothing went on.
  void watch(const std::function<void(std::uint64_t calls)>& show) {
    Clock::time_point last = Clock::now();
    for (std::uint64_t calls = 0; !has_ended(); wait_for_more()) {
      const std::uint64_t now = calls_so_far(shared_.journal);
      if (read_some() || now != calls) last = Clock::now();
      calls = now;
      show(calls);
      if (Clock::now() - last < limit_) continue;
      is_hung_ = true;
      kill(child_, SIGKILL);
      break;
    }
    while (!has_ended()) usleep(1000);
    while (read_some()) {
    }
  }

  const Received& received() const noexcept { return received_; }
  bool is_finished() const noexcept { return is_finished_; }
  bool is_hung() const noexcept { return is_hung_; }
  int status() const noexcept { return status_; }

 private:
  static constexpr int kGlanceMs = 20;

  bool has_ended() noexcept {
    if (!ended_ && waitpid(child_, &status_, WNOHANG) == child_) ended_ = true;
    return ended_;
  }

  void wait_for_more() const noexcept {
    pollfd polled{from_, POLLIN, 0};
    if (poll(&polled, 1, kGlanceMs) > 0 && (polled.revents & POLLIN) == 0) usleep(1000 * kGlanceMs);  // closed
  }

  // The pipe does not block. False: nothing was there.
  bool read_some() {
    std::array<char, 65536> buffer;
    const ssize_t count = read(from_, buffer.data(), buffer.size());
    if (count <= 0) return count < 0 && errno == EINTR;
    text_.append(buffer.data(), static_cast<std::size_t>(count));
    take_lines();
    return true;
  }

  void take_lines() {
    std::size_t at = 0;
    for (std::size_t end = text_.find('\n'); end != std::string::npos; end = text_.find('\n', at)) {
      is_finished_ = take_line(text_.substr(at, end - at), received_) || is_finished_;
      at = end + 1;
    }
    text_.erase(0, at);
  }

  const pid_t child_;
  const int from_;
  const Shared& shared_;
  const std::chrono::nanoseconds limit_;
  std::string text_;
  Received received_;
  bool is_finished_ = false;
  bool is_hung_ = false;
  bool ended_ = false;
  int status_ = 0;
};

std::string fate(int status) {
  if (WIFEXITED(status)) return fmt::format("it ended the process with exit code {}", WEXITSTATUS(status));
  return fmt::format("SIG{} ({})", sigabbrev_np(WTERMSIG(status)), strsignal(WTERMSIG(status)));
}

verify::Finding what_ended_it(const Watcher& watcher, const Shared& shared, std::chrono::nanoseconds limit) {
  if (watcher.is_hung()) return verify::hang_finding(shared.journal, static_cast<std::uint64_t>(limit.count()));
  verify::Crash crash{.what = fate(watcher.status())};
  if (shared.trap.signal != 0) {
    crash.thread = shared.trap.thread;
    crash.has_address = shared.trap.has_address != 0;
    crash.address = shared.trap.address;
  }
  return verify::crash_finding(shared.journal, crash);
}

void add(std::vector<verify::Finding>& findings, const verify::Finding& last) {
  const auto known = std::find_if(findings.begin(), findings.end(),
                                  [&](const verify::Finding& finding) { return finding.check == last.check; });
  if (known == findings.end()) {
    findings.push_back(last);
  } else {
    ++known->times;
  }
  std::sort(findings.begin(), findings.end(), [](const auto& a, const auto& b) { return a.check < b.check; });
}

Checked result(const Watcher& watcher, const Shared& shared, std::chrono::nanoseconds limit) {
  Checked checked;
  checked.name = watcher.received().name;
  checked.report = watcher.received().report;
  checked.is_finished = watcher.is_finished();
  if (checked.is_finished) return checked;
  if (checked.name.empty()) {
    const std::string how = watcher.is_hung() ? "loading it does not end" : "loading it: " + fate(watcher.status());
    throw std::runtime_error(how + "; look at its constructors and at vmbs_vsp()");
  }
  const verify::Finding last = what_ended_it(watcher, shared, limit);
  checked.ended_by = last.check;
  add(checked.report.findings, last);
  checked.report.left_out.emplace_back("all that follows: the VSP did not come back");
  return checked;
}

}  // namespace

Checked examine_isolated(const Load& load, const verify::Options& options, std::chrono::nanoseconds limit,
                         const ShowCalls& show) {
  const SharedMemory shared;
  bench::Pipe pipe;
  if (fcntl(pipe.read_end(), F_SETFL, O_NONBLOCK) != 0) throw std::runtime_error("a pipe that cannot be polled");
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (child == 0) {
    settle_in(parent);
    run_child(load, options, *shared, pipe.write_end());
  }
  pipe.close_write_end();
  Watcher watcher(child, pipe.read_end(), *shared, limit);
  const std::uint64_t expected = expected_calls(options);
  watcher.watch([&](std::uint64_t calls) { show(std::min(calls, expected), expected); });
  if (!watcher.received().failure.empty()) throw std::runtime_error(watcher.received().failure);
  Checked checked = result(watcher, *shared, limit);
  checked.options = options;
  return checked;
}

}  // namespace vmbsave::check
