// The executor on oneTBB beside other users of oneTBB, and where oneTBB gives up.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <tbb/parallel_for.h>
#include <tbb/task.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <atomic>
#include <cstring>
#include <fstream>
#include <new>
#include <thread>
#include <vector>

#include "unit/processes.hpp"
#include "vmbsave/executor.hpp"

namespace {
std::atomic<int> allocations_before_failure{-1};  // negative: none fails
std::atomic<int> allocations{0};
std::size_t pretended_cpus = 0;  // 0: what the system says
}  // namespace

// Takes the place of the C library's, for this program and oneTBB: as many processors as a test likes.
extern "C" int sched_getaffinity(pid_t pid, std::size_t bytes, cpu_set_t* mask) noexcept {
  std::memset(mask, 0, bytes);
  for (std::size_t cpu = 0; cpu < pretended_cpus; ++cpu) CPU_SET_S(cpu, bytes, mask);
  return pretended_cpus != 0 || syscall(SYS_sched_getaffinity, pid, bytes, mask) >= 0 ? 0 : -1;
}

namespace {
void count_allocation() {
  ++allocations;
  if (allocations_before_failure >= 0 && allocations_before_failure-- == 0) throw std::bad_alloc();
}
}  // namespace

// Take the place of oneTBB's allocations of tasks, which are part of the library's binary interface.
void* tbb::detail::r1::allocate(d1::small_object_pool*& pool, std::size_t bytes) {
  count_allocation();
  using Allocate = void* (*)(d1::small_object_pool*&, std::size_t);
  static const auto next =
      reinterpret_cast<Allocate>(dlsym(RTLD_NEXT, "_ZN3tbb6detail2r18allocateERPNS0_2d117small_object_poolEm"));
  return next(pool, bytes);
}

void* tbb::detail::r1::allocate(d1::small_object_pool*& pool, std::size_t bytes, const d1::execution_data& data) {
  count_allocation();
  using Allocate = void* (*)(d1::small_object_pool*&, std::size_t, const d1::execution_data&);
  static const auto next = reinterpret_cast<Allocate>(
      dlsym(RTLD_NEXT, "_ZN3tbb6detail2r18allocateERPNS0_2d117small_object_poolEmRKNS2_14execution_dataE"));
  return next(pool, bytes, data);
}

namespace vmbsave {
namespace {

template <class F>
void for_each(Executor& executor, std::size_t n, F f) {
  executor.for_each(
      n, 1,
      [](void* context, std::size_t first, std::size_t last) noexcept {
        for (; first < last; ++first) (*static_cast<F*>(context))(first);
      },
      &f);
}

template <class F>
void run(Executor& executor, F f) {
  executor.run([](void* context) noexcept { (*static_cast<F*>(context))(); }, &f);
}

void spin(int rounds) {
  for (int i = 0; i < rounds; ++i) asm volatile("");
}

// More threads than two, wherever no quota forbids it: oneTBB believes in the processors too.
#define EXPECT_ON_EIGHT_THREADS(condition) EXPECT_IN_A_FRESH_PROCESS((pretended_cpus = 8, (condition)))

// Which range's body is on this thread's stack; 0: none.
thread_local std::size_t current_body = 0;

// Every range of every loop waits for oneTBB tasks of its own. While it waits, its thread must start neither another
// range nor another range's tasks, under a lock that a callback may hold; nor must the caller that waits for the end.
int strangers_met() {
  const auto executor = make_tbb_executor();
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> strangers{0};
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> items{0};
    executor->wake();
    run(*executor, [&] {
      for_each(*executor, 40, [&](std::size_t range) {
        if (current_body != 0) ++strangers;
        current_body = range + 1;
        tbb::parallel_for(0, 16, [&, own = range + 1](int i) {
          const bool waits_for_the_end = current_body == 0 && std::this_thread::get_id() == caller;
          if (waits_for_the_end || (current_body != 0 && current_body != own)) ++strangers;
          spin(i % 4 == 3 ? 2000 : 20);
          ++items;
        });
        current_body = 0;
      });
    });
    if (items != 40 * 16) return -1;
  }
  return strangers;
}
TEST(TbbExecutor, CallbacksThatUseOneTbb) { EXPECT_EQ(strangers_met(), 0); }

TEST(TbbExecutor, CallbacksThatUseOneTbbOnEightThreads) { EXPECT_ON_EIGHT_THREADS(strangers_met() == 0); }

// The engine is called from inside other oneTBB work, and beside it.
TEST(TbbExecutor, CalledFromOneTbb) {
  tbb::parallel_for(0, 16, [&](int) {
    const auto executor = make_tbb_executor();
    std::atomic<int> items{0};
    executor->wake();
    for_each(*executor, 100, [&](std::size_t) { ++items; });
    run(*executor, [&] { for_each(*executor, 100, [&](std::size_t) { ++items; }); });
    EXPECT_EQ(items, 200);
  });
}

// A callback that cancels the group it finds itself in does not take other packets' callbacks with it.
TEST(TbbExecutor, CancelledGroups) {
  const auto executor = make_tbb_executor();
  for (int round = 0; round < 500; ++round) {
    std::vector<std::atomic<int>> counts(50);
    for_each(*executor, counts.size(), [&](std::size_t i) {
      if (auto* group = tbb::task::current_context()) group->cancel_group_execution();
      ++counts[i];
    });
    for (const auto& c : counts) ASSERT_EQ(c, 1);
  }
}

// Those who are up already are not called again: there are never more tasks than workers. (A pause between two calls
// may let them go to bed.)
TEST(TbbExecutor, ManyCallsAreFewTasks) {
  const auto executor = make_tbb_executor();
  executor->wake();
  const int before = allocations;
  for (int i = 0; i < 1000; ++i) executor->wake();
  EXPECT_LT(allocations - before, 500);
}

// Whichever allocation of oneTBB's fails, on whichever thread: each item once, and the executor works on. What a call
// to the workers had begun is lost then, on purpose.
bool works_without_memory() {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler lost_on_purpose;
#endif
  const auto executor = make_tbb_executor();
  int failures = 0;
  for (int fail_at = 0; fail_at < 50; ++fail_at) {
    for (const bool inside_run : {false, true}) {
      std::vector<std::atomic<int>> counts(200);
      const auto loop = [&] { for_each(*executor, counts.size(), [&](std::size_t i) { ++counts[i]; }); };
      allocations_before_failure = fail_at;
      executor->wake();
      inside_run ? run(*executor, loop) : loop();
      if (allocations_before_failure.exchange(-1) < 0) ++failures;
      loop();
      for (const auto& c : counts) {
        if (c != 2) return false;
      }
    }
  }
  return executor->concurrency() == 1 || failures > 2;
}
TEST(TbbExecutor, WithoutMemory) { EXPECT_TRUE(works_without_memory()); }
TEST(TbbExecutor, WithoutMemoryOnEightThreads) { EXPECT_ON_EIGHT_THREADS(works_without_memory()); }

long virtual_bytes() {
  std::ifstream file("/proc/self/statm");
  long pages = 0;
  file >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

// Each item once, with no more than `room` bytes of address space to come; and once more, after what failed then.
bool works_within(long room) {
  const auto executor = make_tbb_executor();
  std::vector<std::atomic<int>> counts(200);
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = static_cast<rlim_t>(virtual_bytes() + room);
  if (setrlimit(RLIMIT_AS, &limit) != 0) return false;
  const auto loop = [&] { for_each(*executor, counts.size(), [&](std::size_t i) { ++counts[i]; }); };
  executor->wake();
  run(*executor, loop);
  loop();
  for (const auto& c : counts) {
    if (c != 2) return false;
  }
  return true;
}

// No room for an arena, for oneTBB's threads, for their stacks.
TEST(TbbExecutor, SystemRefuses) {
  if (test::kAddressSanitizer) GTEST_SKIP() << "the address sanitizer needs the address space";
  for (const long room : {1 << 14, 1 << 17, 1 << 20, 5 << 20}) {
    SCOPED_TRACE(room);
    EXPECT_IN_A_FRESH_PROCESS(works_within(room));
  }
}

}  // namespace
}  // namespace vmbsave
