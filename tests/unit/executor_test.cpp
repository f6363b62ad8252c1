#include "vmbsave/executor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace vmbsave {
namespace {

struct Counts {
  std::vector<std::atomic<int>> of;
  std::size_t longest = 0;
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

TEST(Executor, EachItemOnce) {
  for (const unsigned threads : {0u, 1u, 2u, 3u, 8u}) {
    const auto executor = threads == 0 ? make_serial_executor() : make_thread_executor(threads);
    EXPECT_EQ(executor->concurrency(), threads == 0 ? 1 : threads);
    for (const std::size_t n : {0u, 1u, 2u, 7u, 64u, 1000u}) {
      for (const std::size_t grain : {1u, 3u, 64u, 5000u}) expect_each_once(*executor, n, grain);
    }
  }
}

TEST(Executor, RangesAreAtMostTheGrain) {
  for (const auto& executor : {make_serial_executor().release(), make_thread_executor(2).release()}) {
    const std::unique_ptr<Executor> owned(executor);
    std::atomic<std::size_t> longest{0};
    owned->for_each(
        1000, 16,
        [](void* context, std::size_t first, std::size_t last) noexcept {
          auto& most = *static_cast<std::atomic<std::size_t>*>(context);
          std::size_t seen = most;
          while (seen < last - first && !most.compare_exchange_weak(seen, last - first)) {
          }
        },
        &longest);
    EXPECT_EQ(longest, 16u);
  }
}

// Many rounds one after the other: a worker that wakes late must not run a later round's items twice or an earlier
// round's at all.
TEST(Executor, RoundsDoNotMix) {
  const auto executor = make_thread_executor(4);
  for (int round = 0; round < 2000; ++round) expect_each_once(*executor, 9, 1);
}

TEST(Executor, ResultsAreVisibleToTheCaller) {
  const auto executor = make_thread_executor(2);
  std::vector<std::size_t> squares(10'000);
  executor->for_each(
      squares.size(), 8,
      [](void* context, std::size_t first, std::size_t last) noexcept {
        for (; first < last; ++first) (*static_cast<std::vector<std::size_t>*>(context))[first] = first * first;
      },
      &squares);
  for (std::size_t i = 0; i < squares.size(); ++i) ASSERT_EQ(squares[i], i * i);
}

}  // namespace
}  // namespace vmbsave
