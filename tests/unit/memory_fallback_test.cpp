// Saves where the system does not give what the engine asks for. Each case runs in a process of its own, with the real
// refusal: a seccomp filter or a process attribute.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

constexpr int kCannot = 77;  // the refusal itself was refused

// What `body` returns, from a child process; -1 if it died.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// From here on madvise(..., advice) fails with `error` in this process.
bool refuse_advice(unsigned advice, int error) {
  const auto load = [](std::size_t offset) { return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, unsigned(offset)); };
  sock_filter program[] = {
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 5),
      load(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      load(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, advice, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned(error) & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

// Not watched: the shadow of these bytes takes faults of its own.
[[gnu::no_sanitize("address", "thread", "undefined")]] void write_each_page(std::byte* first, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4096) first[at] = std::byte{1};
}

// 0: an arena that was made ready takes no fault, and a save in it is right.
int save_without_faults() {
  mem::Arena<base::Atomic> arena;
  if (!arena.ensure(8 << 20)) return 1;
  std::byte* const first = arena.data();
  const long before = page_faults();
  write_each_page(first, arena.ready());
  if (page_faults() - before > 8) return 2;  // of 2,048; the stack may take some
  TestVm vm(2, {.concurrent_callbacks = true});
  for (std::uint64_t id = 0; id < 3000; ++id) vm[id % 2].receive(id, 100);
  for (int save = 0; save < 2; ++save) {
    if (save_packets(vm).size() != 3000) return 3;
    vm.session.end(EndMode::kResume);
  }
  return testing::Test::HasFailure() ? 4 : 0;
}

void expect_saves(const std::function<bool()>& refuse, const char* what) {
  const int result = in_child([&] { return refuse() ? save_without_faults() : kCannot; });
  if (result == kCannot) GTEST_SKIP() << "this system does not let a process refuse itself " << what;
  EXPECT_EQ(result, 0);
}

TEST(MemoryFallback, Nothing) {
  expect_saves([] { return true; }, "nothing");
}

bool no_huge_pages() { return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0; }

// A kernel before 5.14. Without huge pages, so that each page that was not made ready is a fault of its own.
TEST(MemoryFallback, PrefaultIsUnknown) {
  expect_saves([] { return no_huge_pages() && refuse_advice(MADV_POPULATE_WRITE, EINVAL); }, "MADV_POPULATE_WRITE");
}

TEST(MemoryFallback, PrefaultIsForbidden) {
  expect_saves([] { return no_huge_pages() && refuse_advice(MADV_POPULATE_WRITE, EPERM); }, "MADV_POPULATE_WRITE");
}

TEST(MemoryFallback, HugePagesAreUnknown) {
  expect_saves([] { return refuse_advice(MADV_HUGEPAGE, EINVAL); }, "MADV_HUGEPAGE");
}

TEST(MemoryFallback, HugePagesAreSwitchedOff) { expect_saves(no_huge_pages, "huge pages"); }

// Addresses, but no pages behind them: found out before anything is written there, where it would be the end of the
// process.
TEST(MemoryFallback, NoPagesForTheImage) {
  const int result = in_child([] {
    TestVm vm(1, {.concurrent_callbacks = true});
    for (std::uint64_t id = 0; id < 4000; ++id) vm[0].receive(id, 100);
    if (!refuse_advice(MADV_POPULATE_WRITE, ENOMEM)) return kCannot;
    if (vm.session.reserve(1 << 20)) return 1;
    if (vm.session.begin({}) != Status::kSuccess) return 2;
    if (vm.session.save() != Status::kInsufficientResources) return 3;
    if (vm.session.report().failure.phase != SavePhase::kPlace) return 4;
    vm.session.end(EndMode::kResume);
    return vm.in_use() == 4000 ? 0 : 5;
  });
  if (result == kCannot) GTEST_SKIP() << "this system does not let a process refuse itself MADV_POPULATE_WRITE";
  EXPECT_EQ(result, 0);
}

// No more addresses: the save fails with a status, the packets stay, and the next save works.
TEST(MemoryFallback, NoMemoryForTheImage) {
  const int result = in_child([] {
    TestVm vm(1, {.concurrent_callbacks = true});
    for (std::uint64_t id = 0; id < 4000; ++id) vm[0].receive(id, 8000);
    vm.session.begin({}) == Status::kSuccess ? void() : _exit(1);
    rlimit old{};
    getrlimit(RLIMIT_AS, &old);
    const rlimit none{1 << 20, old.rlim_max};
    if (setrlimit(RLIMIT_AS, &none) != 0) return kCannot;
    const Status status = vm.session.save();
    setrlimit(RLIMIT_AS, &old);
    if (status != Status::kInsufficientResources) return 2;
    if (vm.session.report().failure.phase != SavePhase::kPlace) return 3;
    vm.session.end(EndMode::kResume);
    if (vm.in_use() != 4000) return 4;
    const std::size_t saved = save_packets(vm).size();
    vm.session.end(EndMode::kResume);
    return saved == 4000 ? 0 : 5;
  });
  if (result == kCannot) GTEST_SKIP() << "no limit on addresses can be set here";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace vmbsave::test
