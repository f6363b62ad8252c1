// The allocator of this program, counted: linked into one program with glibc's and into one with mimalloc's.
#include "harness/allocation_counter.hpp"

#include <gtest/gtest.h>
#include <link.h>
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "report/build_info.hpp"
#include "vmbsave/executor.hpp"

#ifdef VMBSAVE_MIMALLOC
#include <mimalloc.h>
#endif

namespace vmbsave::bench {
namespace {

// Counts what f does.
template <class Function>
std::uint64_t calls_of(Function f) {
  start_counting();
  f();
  return stop_counting();
}

// Through it each pointer goes out of the optimiser's sight.
void* volatile kept = nullptr;

template <class T>
T* keep(T* pointer) {
  kept = pointer;
  return static_cast<T*>(kept);
}

#ifdef VMBSAVE_MIMALLOC
TEST(Allocator, IsMimalloc) {
  EXPECT_EQ(report::allocator_name().substr(0, 11), "mimalloc 2.");
  kept = std::malloc(1000);
  EXPECT_TRUE(mi_is_in_heap_region(kept));
  std::free(kept);
  const auto by_new = std::make_unique<int>(1);
  EXPECT_TRUE(mi_is_in_heap_region(by_new.get()));
  const std::string by_library(1000, 'x');
  EXPECT_TRUE(mi_is_in_heap_region(by_library.data()));
}
#else
TEST(Allocator, IsGlibcs) { EXPECT_EQ(report::allocator_name(), "glibc"); }
#endif

TEST(AllocationCounter, IsThere) { EXPECT_TRUE(counts_allocator_calls()); }

bool is_loaded(std::string library) {
  const auto is_it = [](dl_phdr_info* info, std::size_t, void* name) {
    return int{std::string(info->dlpi_name).find(*static_cast<std::string*>(name)) != std::string::npos};
  };
  return dl_iterate_phdr(is_it, &library) != 0;
}

// An allocator of its own would be counted by nobody.
TEST(AllocationCounter, SeesWhatOneTbbAllocates) {
  const auto executor = make_executor(2);
  EXPECT_GT(calls_of([&] { executor->wake(); }), 0u);
  EXPECT_FALSE(is_loaded("libtbbmalloc"));
}

TEST(AllocationCounter, CountsEachWayIntoTheAllocator) {
  EXPECT_EQ(calls_of([] {}), 0u);
  EXPECT_EQ(calls_of([] { kept = std::malloc(10); }), 1u);
  EXPECT_EQ(calls_of([] { kept = std::realloc(kept, 10'000); }), 1u);
  EXPECT_EQ(calls_of([] { std::free(kept); }), 1u);
  EXPECT_EQ(calls_of([] { std::free(nullptr); }), 0u);
  EXPECT_EQ(calls_of([] { std::free(keep(std::calloc(3, 7))); }), 2u);
  EXPECT_EQ(calls_of([] { std::free(keep(std::aligned_alloc(256, 512))); }), 2u);
  EXPECT_EQ(calls_of([] { std::free(keep(memalign(256, 512))); }), 2u);
  EXPECT_EQ(calls_of([] {
              void* memory = nullptr;
              EXPECT_EQ(posix_memalign(&memory, 256, 512), 0);
              std::free(keep(memory));
            }),
            2u);
}

TEST(AllocationCounter, CountsNewAndDelete) {
  struct alignas(128) Wide {
    char bytes[128];
  };
  EXPECT_EQ(calls_of([] { delete keep(new int(1)); }), 2u);
  EXPECT_EQ(calls_of([] { delete[] keep(new char[100]); }), 2u);
  EXPECT_EQ(calls_of([] { delete keep(new Wide); }), 2u);
  EXPECT_EQ(calls_of([] { delete[] keep(new Wide[2]); }), 2u);
  EXPECT_EQ(calls_of([] { delete keep(new (std::nothrow) int(1)); }), 2u);
  EXPECT_EQ(calls_of([] { const std::string text(1000, 'x'); }), 2u) << "through the C++ library";
  EXPECT_EQ(calls_of([] { std::free(keep(strdup("text"))); }), 2u) << "through the C library";
}

TEST(AllocationCounter, CountsNothingWhileItIsOff) {
  (void)calls_of([] {});
  std::free(keep(std::malloc(10)));
  EXPECT_EQ(calls_of([] {}), 0u);
}

void allocate_and_free(std::uint64_t rounds) {
  for (std::uint64_t i = 0; i < rounds; ++i) {
    void* volatile memory = std::malloc(10);
    std::free(memory);
  }
}

TEST(AllocationCounter, CountsAllThreads) {
  constexpr unsigned kThreads = 80;  // more than the counter has lines
  constexpr std::uint64_t kRounds = 100;
  std::vector<std::thread> threads;
  std::atomic<bool> go{false};
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      while (!go) std::this_thread::yield();
      allocate_and_free(kRounds);
    });
  }
  start_counting();
  go = true;
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t calls = stop_counting();
  EXPECT_GE(calls, kThreads * kRounds * 2);
  EXPECT_LE(calls, kThreads * (kRounds * 2 + 10)) << "a thread's end frees a little of its own";
}

// Threads are given lines in turn: 64 threads after the first comes one that has the first one's.
TEST(AllocationCounter, LosesNothingWhereThreadsShareALine) {
  constexpr unsigned kLines = 64;
  constexpr std::uint64_t kRounds = 300'000;
  std::atomic<bool> has_line{false}, go{false};
  const auto work = [&] {
    allocate_and_free(1);
    has_line = true;
    while (!go) std::this_thread::yield();
    allocate_and_free(kRounds);
  };
  start_counting();
  std::thread first(work);
  while (!has_line) std::this_thread::yield();
  for (unsigned t = 1; t < kLines; ++t) std::thread([] { allocate_and_free(1); }).join();
  has_line = false;
  std::thread second(work);
  while (!has_line) std::this_thread::yield();
  go = true;
  first.join();
  second.join();
  EXPECT_GE(stop_counting(), 2 * kRounds * 2 + 2 * (kLines + 1));
}

TEST(Wrappers, DoWhatTheyWrap) {
  void* memory = nullptr;
  EXPECT_EQ(posix_memalign(&memory, 24, 512), EINVAL);
  EXPECT_EQ(posix_memalign(&memory, 2, 512), EINVAL);
  EXPECT_EQ(memory, nullptr);
  for (const std::size_t alignment : {std::size_t{16}, std::size_t{64}, std::size_t{4096}}) {
    ASSERT_EQ(posix_memalign(&memory, alignment, 100), 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0u);
    std::free(memory);
  }
  kept = std::calloc(1, 100'000);
  static const char zeros[100'000] = {};
  EXPECT_EQ(std::memcmp(kept, zeros, sizeof zeros), 0);
  std::free(kept);
  constexpr std::size_t kTooMuch = PTRDIFF_MAX;
  volatile std::size_t too_much = kTooMuch;
  EXPECT_THROW(kept = ::operator new(too_much), std::bad_alloc);
  EXPECT_EQ(::operator new(too_much, std::nothrow), nullptr);
  EXPECT_EQ(std::malloc(too_much), nullptr);
}

}  // namespace
}  // namespace vmbsave::bench
