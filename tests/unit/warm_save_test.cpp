// What a save that is not the first costs the system: no page fault and no call of the allocator, by any thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "harness/allocation_counter.hpp"
#include "harness/page_faults.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::bench {
namespace {

std::uint64_t median(std::vector<std::uint64_t> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Of so many that one of the system's own, as when a thread's stack grows, decides nothing.
void expect_free_saves(Implementation& implementation, unsigned threads) {
  constexpr int kSaves = 41;
  std::vector<std::uint64_t> faults;
  std::vector<std::uint64_t> calls;
  for (int i = 0; i < 5; ++i) implementation.save();
  for (int i = 0; i < kSaves; ++i) {
    const std::uint64_t before = page_faults();
    start_counting();
    implementation.save();
    calls.push_back(stop_counting());
    faults.push_back(page_faults() - before);
    EXPECT_EQ(implementation.report()->threads, threads);
  }
  EXPECT_EQ(median(faults), 0u);
  EXPECT_EQ(median(calls), 0u);
  EXPECT_EQ(implementation.difference(), "");
}

TEST(WarmSave, TakesNoPageFaultAndNoMemory) {
  ASSERT_TRUE(counts_allocator_calls());
  Rig rig({.packets = 32'768});
  for (const unsigned threads : {1u, 2u}) {
    const auto executor = make_executor(threads);
    for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
      for (const auto make : {make_engine, make_c_face}) {
        const auto implementation = make(rig, {executor.get(), plan, false});
        SCOPED_TRACE(testing::Message() << implementation->name() << " " << plan_name(plan) << " " << threads);
        expect_free_saves(*implementation, executor->concurrency());
      }
    }
  }
}

}  // namespace
}  // namespace vmbsave::bench
