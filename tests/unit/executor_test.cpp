// What every executor promises, and what the choice of one depends on.
#include "vmbsave/executor.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <ostream>
#include <set>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "exec/standby.hpp"
#include "unit/processes.hpp"

namespace vmbsave {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Counts {
  std::vector<std::atomic<int>> of;
  explicit Counts(std::size_t n) : of(n) {}
};

void count(void* context, std::size_t first, std::size_t last) noexcept {
  auto& counts = *static_cast<Counts*>(context);
  for (; first < last; ++first) ++counts.of[first];
}

void expect_each_once(Executor& executor, std::size_t n, std::size_t grain) {
  Counts counts(n);
  executor.for_each(n, grain, count, &counts);
  for (const auto& c : counts.of) ASSERT_EQ(c, 1) << n << " items, grain " << grain;
}

// A body and a task that may be lambdas with captures.
template <class F>
void for_each(Executor& executor, std::size_t n, std::size_t grain, F f) {
  executor.for_each(
      n, grain,
      [](void* context, std::size_t first, std::size_t last) noexcept { (*static_cast<F*>(context))(first, last); },
      &f);
}

template <class F>
void run(Executor& executor, F f) {
  executor.run([](void* context) noexcept { (*static_cast<F*>(context))(); }, &f);
}

struct Kind {
  const char* name;
  std::unique_ptr<Executor> (*make)();
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }

class EveryExecutor : public ::testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Executor> make() const { return GetParam().make(); }
  const std::unique_ptr<Executor> executor_ = make();
};

const Kind kKinds[] = {
    {"Serial", [] { return make_serial_executor(); }},
    {"OneThread", [] { return make_thread_executor(1); }},
    {"TwoThreads", [] { return make_thread_executor(2); }},
    {"EightThreads", [] { return make_thread_executor(8); }},
    {"Production", [] { return make_executor(); }},
    {"ProductionOne", [] { return make_executor(1); }},
#if VMBSAVE_TBB
    {"Tbb", [] { return make_tbb_executor(); }},
    {"TbbOne", [] { return make_tbb_executor(1); }},
    {"TbbTwo", [] { return make_tbb_executor(2); }},
#endif
};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryExecutor, ::testing::ValuesIn(kKinds),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(EveryExecutor, EachItemOnce) {
  for (const std::size_t n : {0u, 1u, 2u, 7u, 64u, 1000u}) {
    for (const std::size_t grain : {1u, 3u, 64u, 5000u}) expect_each_once(*executor_, n, grain);
    expect_each_once(*executor_, n, ~std::size_t{0});
  }
}

TEST_P(EveryExecutor, RangesAreAtMostTheGrain) {
  for (const std::size_t grain : {1u, 16u, 999u, 1000u}) {
    std::atomic<std::size_t> longest{0};
    std::atomic<std::size_t> empty{0};
    for_each(*executor_, 1000, grain, [&](std::size_t first, std::size_t last) {
      if (first >= last) ++empty;
      std::size_t seen = longest;
      while (seen < last - first && !longest.compare_exchange_weak(seen, last - first)) {
      }
    });
    EXPECT_EQ(longest, grain);
    EXPECT_EQ(empty, 0u);
  }
}

// Many rounds one after the other: a worker that wakes late must not run a later round's items twice or an earlier
// round's at all.
TEST_P(EveryExecutor, RoundsDoNotMix) {
  for (int round = 0; round < 2000; ++round) expect_each_once(*executor_, 9, 1);
}

TEST_P(EveryExecutor, ResultsAreVisibleToTheCaller) {
  std::vector<std::size_t> squares(10'000);
  for_each(*executor_, squares.size(), 8, [&](std::size_t first, std::size_t last) {
    for (; first < last; ++first) squares[first] = first * first;
  });
  for (std::size_t i = 0; i < squares.size(); ++i) ASSERT_EQ(squares[i], i * i);
}

// Two passes and what lies between them, as in a save: each sees what the one before it wrote.
TEST_P(EveryExecutor, PassesInsideOneRun) {
  const std::thread::id caller = std::this_thread::get_id();
  for (int round = 0; round < 200; ++round) {
    std::vector<std::size_t> sizes(300), places(300), image(300);
    int calls = 0;
    executor_->wake();
    run(*executor_, [&] {
      ++calls;
      EXPECT_EQ(std::this_thread::get_id(), caller);
      for_each(*executor_, 300, 4, [&](std::size_t first, std::size_t last) {
        for (; first < last; ++first) sizes[first] = first + 1;
      });
      for (std::size_t i = 1; i < 300; ++i) places[i] = places[i - 1] + sizes[i - 1];
      for_each(*executor_, 300, 4, [&](std::size_t first, std::size_t last) {
        for (; first < last; ++first) image[first] = places[first] + sizes[first];
      });
      expect_each_once(*executor_, 3, 4);
      expect_each_once(*executor_, 40, 1);
    });
    ASSERT_EQ(calls, 1);
    for (std::size_t i = 0; i < 300; ++i) ASSERT_EQ(image[i], (i + 1) * (i + 2) / 2);
    expect_each_once(*executor_, 40, 1);
  }
}

TEST_P(EveryExecutor, SmallLoopsStayOnTheCallingThread) {
  const std::thread::id caller = std::this_thread::get_id();
  expect_each_once(*executor_, 100, 1);
  for (int round = 0; round < 200; ++round) {
    int calls = 0;
    for_each(*executor_, 16, 16, [&](std::size_t first, std::size_t last) {
      ++calls;
      EXPECT_EQ(std::this_thread::get_id(), caller);
      EXPECT_EQ(last - first, 16u);
    });
    ASSERT_EQ(calls, 1);
  }
}

// Ranges that wait for another thread to come, for at most 30 s: then it does come.
TEST_P(EveryExecutor, AllThreadsOfItTakePart) {
  const std::size_t expected = executor_->concurrency();
  for (const bool woken : {false, true}) {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    const auto end = steady_clock::now() + 30s;
    if (woken) executor_->wake();
    for_each(*executor_, 100, 1, [&](std::size_t, std::size_t) {
      for (;;) {
        {
          const std::lock_guard lock(mutex);
          seen.insert(std::this_thread::get_id());
          if (seen.size() >= expected || steady_clock::now() > end) return;
        }
        std::this_thread::yield();
      }
    });
    EXPECT_EQ(seen.size(), expected);
  }
}

TEST_P(EveryExecutor, WakeWithoutWork) {
  expect_each_once(*executor_, 100, 1);
  executor_->wake();
  std::this_thread::sleep_for(2ms);
  expect_each_once(*executor_, 100, 1);
  make()->wake();  // the first call, and the last
}

TEST_P(EveryExecutor, ManyWakes) {
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 10; ++i) executor_->wake();
    if (round % 3 == 0) expect_each_once(*executor_, 100, 1);
    if (round % 3 == 1) run(*executor_, [&] { executor_->wake(); });
  }
  expect_each_once(*executor_, 1000, 1);
}

TEST_P(EveryExecutor, DestroyedWhileWorkersGetUp) {
  for (int round = 0; round < 500; ++round) {
    const auto executor = make();
    if (round % 2 == 0) expect_each_once(*executor, 20, 1);
    executor->wake();
    if (round % 8 == 1) std::this_thread::sleep_for(50us);
  }
}

std::ptrdiff_t threads_here() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

std::chrono::nanoseconds cpu_time(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Of all threads but this one.
std::chrono::nanoseconds others_cpu_time() { return cpu_time() - cpu_time(CLOCK_THREAD_CPUTIME_ID); }

// Seen by what the other threads of the process use of the processors. One that comes too late for its call does not
// stay.
TEST_P(EveryExecutor, WakeGetsWorkersUp) {
  if (executor_->concurrency() == 1) {
    const std::ptrdiff_t before = threads_here();
    executor_->wake();
    EXPECT_LE(threads_here(), before);
    return;
  }
  expect_each_once(*executor_, 100, 1);
  const auto end = steady_clock::now() + 30s;
  for (std::chrono::nanoseconds used{0}; used < std::chrono::nanoseconds(exec::Standby::kAwakeNs / 2);) {
    ASSERT_LT(steady_clock::now(), end);
    std::this_thread::sleep_for(5ms);  // asleep again
    const auto before = others_cpu_time();
    std::this_thread::sleep_for(5ms);
    const auto idle = others_cpu_time() - before;
    executor_->wake();
    std::this_thread::sleep_for(5ms);
    used = others_cpu_time() - before - 2 * idle;
  }
}

// Workers on standby begin with the work when it is there, not when their time is over. With one quiet moment it is
// seen.
TEST_P(EveryExecutor, WokenWorkersComeAtOnce) {
  if (executor_->concurrency() == 1) return;
  expect_each_once(*executor_, 100, 1);
  const std::thread::id caller = std::this_thread::get_id();
  const auto end = steady_clock::now() + 30s;
  for (bool in_time = false; !in_time;) {
    ASSERT_LT(steady_clock::now(), end);
    std::this_thread::sleep_for(2ms);
    const auto called_at = base::now_ns();
    executor_->wake();
    while (base::now_ns() < called_at + exec::Standby::kAwakeNs / 3) {
    }
    std::atomic<std::uint64_t> came_at{0};
    for_each(*executor_, 100, 1, [&](std::size_t, std::size_t) {
      std::uint64_t nobody = 0;
      if (std::this_thread::get_id() != caller) came_at.compare_exchange_strong(nobody, base::now_ns());
      while (came_at == 0 && base::now_ns() < called_at + 2 * exec::Standby::kAwakeNs) {
      }
    });
    in_time = came_at != 0 && came_at < called_at + exec::Standby::kAwakeNs;
  }
}

// Workers that were got up for nothing go back to sleep, also when they were called again and again meanwhile. At some
// time all is quiet: other tests' workers may be on their way to bed as well.
TEST_P(EveryExecutor, NobodyStaysAwakeForLong) {
  expect_each_once(*executor_, 100, 1);
  for (int i = 0; i < 100; ++i) executor_->wake();
  const auto end = steady_clock::now() + 10s;
  for (std::chrono::nanoseconds used = 1s; used > 5ms;) {
    ASSERT_LT(steady_clock::now(), end);
    const auto before = cpu_time();
    std::this_thread::sleep_for(20ms);
    used = cpu_time() - before;
  }
}

TEST(Standby, EndsByItselfOrWhenDismissed) {
  exec::Standby standby;
  const auto stayed = [&] {
    const auto before = base::now_ns();
    standby.stay();
    return base::now_ns() - before;
  };
  constexpr std::uint64_t kLong = exec::Standby::kAwakeNs;
  std::uint64_t shortest = kLong;
  for (int i = 0; i < 1000 && shortest >= kLong / 2; ++i) shortest = std::min(shortest, stayed());
  EXPECT_LT(shortest, kLong / 2) << "nobody has called";
  const auto called_at = base::now_ns();
  standby.call();
  stayed();
  EXPECT_GE(base::now_ns() - called_at, kLong);
  shortest = kLong;
  for (int i = 0; i < 1000 && shortest >= kLong / 2; ++i) {
    standby.call();
    standby.dismiss();
    shortest = std::min(shortest, stayed());
  }
  EXPECT_LT(shortest, kLong / 2) << "dismissed";
}

// Two executors, each with a caller of its own.
TEST_P(EveryExecutor, TwoSideBySide) {
  const auto save = [&](Executor& executor) {
    for (int round = 0; round < 300; ++round) {
      executor.wake();
      run(executor, [&] {
        expect_each_once(executor, 100, 1);
        expect_each_once(executor, 100, 7);
      });
    }
  };
  const auto other = make();
  std::thread second([&] { save(*other); });
  save(*executor_);
  second.join();
}

// A body whose own work goes through an executor of its own.
TEST_P(EveryExecutor, OneInsideAnother) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> ranges{0};
    for_each(*executor_, 6, 1, [&](std::size_t, std::size_t) {
      const auto inner = make();
      run(*inner, [&] { expect_each_once(*inner, 50, 1); });
      ++ranges;
    });
    ASSERT_EQ(ranges, 6);
  }
}

// ---- Threads and processors ----

TEST(Executor, Concurrency) {
  const unsigned cpus = available_cpus();
  EXPECT_EQ(make_serial_executor()->concurrency(), 1u);
  EXPECT_EQ(make_thread_executor(0)->concurrency(), 1u);
  EXPECT_EQ(make_thread_executor(64)->concurrency(), 64u);
  for (const unsigned threads : {1u, 2u, 100'000u}) {
    EXPECT_EQ(make_executor(threads)->concurrency(), std::min(threads, cpus));
  }
  EXPECT_EQ(make_executor()->concurrency(), cpus);
#if VMBSAVE_TBB
  for (const unsigned threads : {1u, 2u, 100'000u}) {
    EXPECT_EQ(make_tbb_executor(threads)->concurrency(), std::min(threads, cpus));
  }
  EXPECT_EQ(make_tbb_executor()->concurrency(), cpus);
#else
  EXPECT_EQ(make_tbb_executor(), nullptr);
#endif
}

bool use_one_cpu() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &mask);
  return sched_setaffinity(0, sizeof mask, &mask) == 0;
}

// What a save does with an executor; true if every item was worked on once.
bool save_like(Executor& executor) {
  Counts counts(3000);
  executor.wake();
  run(executor, [&] {
    executor.for_each(counts.of.size(), 4, count, &counts);
    executor.for_each(counts.of.size(), 4, count, &counts);
  });
  for (const auto& c : counts.of) {
    if (c != 2) return false;
  }
  return true;
}

bool works_on_one_cpu() {
  if (!use_one_cpu() || available_cpus() != 1) return false;
  const std::ptrdiff_t before = threads_here();
  const auto executor = make_executor();
  const auto tbb = make_tbb_executor(8);
  return executor->concurrency() == 1 && save_like(*executor) &&
         (tbb == nullptr || (tbb->concurrency() == 1 && save_like(*tbb))) && threads_here() == before;
}
TEST(Executor, OneCpu) {
  EXPECT_EQ(test::in_child([] { return works_on_one_cpu() ? 0 : 1; }), 0);
}

// The processors go after the executor was made: its workers stand in the caller's way, but not for long.
bool processors_go() {
  const auto production = make_executor();
  const auto threads = make_thread_executor(4);
  if (!use_one_cpu()) return false;
  for (int round = 0; round < 20; ++round) {
    if (!save_like(*production) || !save_like(*threads)) return false;
  }
  return true;
}
TEST(Executor, OneCpuOfWhatWereMore) { EXPECT_IN_A_FRESH_PROCESS(processors_go()); }

bool no_thread_before_the_first_parallel_call() {
  std::vector<std::unique_ptr<Executor>> executors;
  for (const Kind& kind : kKinds) executors.push_back(kind.make());
  const std::ptrdiff_t before = threads_here();
  for (const auto& executor : executors) {
    run(*executor, [&] { expect_each_once(*executor, 16, 16); });
    expect_each_once(*executor, 16, 16);
  }
  return before == threads_here();
}
TEST(Executor, NoThreadBeforeTheFirstParallelCall) {
  EXPECT_IN_A_FRESH_PROCESS(no_thread_before_the_first_parallel_call());
}

}  // namespace
}  // namespace vmbsave
