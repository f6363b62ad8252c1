// The executor on oneTBB beside other users of oneTBB, and where oneTBB gives up.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <tbb/parallel_for.h>
#include <tbb/task.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <atomic>
#include <fstream>
#include <new>
#include <vector>

#include "vmbsave/executor.hpp"

namespace {
std::atomic<int> allocations_before_failure{-1};  // negative: none fails
}

// Takes the place of oneTBB's allocation of tasks, which is part of the library's binary interface.
void* tbb::detail::r1::allocate(d1::small_object_pool*& pool, std::size_t bytes) {
  if (allocations_before_failure >= 0 && allocations_before_failure-- == 0) throw std::bad_alloc();
  using Allocate = void* (*)(d1::small_object_pool*&, std::size_t);
  static const auto next =
      reinterpret_cast<Allocate>(dlsym(RTLD_NEXT, "_ZN3tbb6detail2r18allocateERPNS0_2d117small_object_poolEm"));
  return next(pool, bytes);
}

void* tbb::detail::r1::allocate(d1::small_object_pool*& pool, std::size_t bytes, const d1::execution_data& data) {
  if (allocations_before_failure >= 0 && allocations_before_failure-- == 0) throw std::bad_alloc();
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

// True while a range of the loop is on this thread's stack.
thread_local bool inside_body = false;

// A callback may wait for oneTBB tasks of its own; the thread that waits must not start another packet's callback.
TEST(TbbExecutor, CallbacksThatUseOneTbb) {
  const auto executor = make_tbb_executor();
  std::atomic<int> reentered{0};
  for (int round = 0; round < 500; ++round) {
    std::atomic<int> items{0};
    executor->wake();
    run(*executor, [&] {
      for_each(*executor, 40, [&](std::size_t) {
        if (inside_body) ++reentered;
        inside_body = true;
        tbb::parallel_for(0, 8, [&](int i) {
          spin(i == 7 ? 2000 : 20);
          ++items;
        });
        inside_body = false;
      });
    });
    ASSERT_EQ(items, 40 * 8);
  }
  EXPECT_EQ(reentered, 0);
}

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
      tbb::task::current_context()->cancel_group_execution();
      ++counts[i];
    });
    for (const auto& c : counts) ASSERT_EQ(c, 1);
  }
}

// Whichever allocation of oneTBB's fails: each item once, and the executor works on. What a call to the workers had
// begun is lost then, on purpose.
TEST(TbbExecutor, WithoutMemory) {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler lost_on_purpose;
#endif
  const auto executor = make_tbb_executor();
  int failures = 0;
  for (int fail_at = 0; fail_at < 12; ++fail_at) {
    for (const bool inside_run : {false, true}) {
      std::vector<std::atomic<int>> counts(200);
      const auto loop = [&] { for_each(*executor, counts.size(), [&](std::size_t i) { ++counts[i]; }); };
      allocations_before_failure = fail_at;
      executor->wake();
      inside_run ? run(*executor, loop) : loop();
      if (allocations_before_failure.exchange(-1) < 0) ++failures;
      loop();
      for (const auto& c : counts) ASSERT_EQ(c, 2) << "allocation " << fail_at << " failed";
    }
  }
  EXPECT_TRUE(executor->concurrency() == 1 || failures > 2) << failures;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

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
  if (kAddressSanitizer) GTEST_SKIP() << "the address sanitizer needs the address space";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const long room : {1 << 14, 1 << 17, 1 << 20, 5 << 20}) {
    EXPECT_EXIT(_exit(works_within(room) ? 0 : 1), ::testing::ExitedWithCode(0), "") << room;
  }
}

}  // namespace
}  // namespace vmbsave
