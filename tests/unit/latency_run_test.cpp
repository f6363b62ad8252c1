// One row of the bench, with implementations made up for it: what is compared with what, and when a row fails.
#include "latency/latency_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "harness/allocation_counter.hpp"
#include "unit/fake_implementation.hpp"

namespace vmbsave::bench {
namespace {

using tests::contestants;
using tests::Script;

report::RowSamples run(Contestants row, std::uint64_t saves, bool cold = false, bool first_touch = false) {
  LatencyRun latency_run(std::move(row), saves, cold, first_touch);
  for (std::uint64_t i = 0; i < saves; ++i) latency_run.save();
  return latency_run.finish();
}

TEST(LatencyRun, TakesASampleASaveAndTheFirstApart) {
  Script script;
  script.subject_ns = [](unsigned save) { return save == 0 ? 9000 : 1000 + save; };
  const report::RowSamples samples = run(contestants(script), 100);
  EXPECT_EQ(samples.first_save_ns, 9000u);
  ASSERT_EQ(samples.save_ns.size(), 100u);
  EXPECT_EQ(samples.save_ns.front(), 1001u);
  EXPECT_EQ(samples.save_ns.back(), 1100u);
  ASSERT_EQ(samples.page_faults.size(), 100u);
  EXPECT_GT(std::count(samples.page_faults.begin(), samples.page_faults.end(), 0u), 50) << "each save's own";
  EXPECT_EQ(samples.image_bytes, 4096u);
  EXPECT_EQ(samples.hiccup_ns.size(), 100u);
}

TEST(LatencyRun, RatiosAreOfNeighbours) {
  Script script;
  script.subject_ns = [](unsigned save) { return 1000 * (save + 1); };
  script.floor_ns = [](unsigned save) { return 500 * (save + 1); };
  script.sequential_ns = [](unsigned) { return 1'000'000; };
  const report::RowSamples samples = run(contestants(script), 10);
  EXPECT_EQ(samples.ratio_to_floor, std::vector<double>(10, 2.0));
  ASSERT_EQ(samples.times_faster_than_documented_sequential.size(), 10u);
  EXPECT_DOUBLE_EQ(samples.times_faster_than_documented_sequential[0], 500);
  EXPECT_DOUBLE_EQ(samples.times_faster_than_documented_sequential[9], 1e6 / 11'000);
}

TEST(LatencyRun, APeerRunsBesideTheEngine) {
  Script script;
  script.subject_ns = [](unsigned save) { return 1000 * (save + 1); };
  script.engine_ns = [](unsigned save) { return 250 * (save + 1); };
  EXPECT_EQ(run(contestants(script), 10).ratio_to_engine, std::vector<double>(10, 4.0));
  EXPECT_TRUE(run(contestants({}), 10).ratio_to_engine.empty()) << "what is no peer has nobody beside it";
}

TEST(LatencyRun, TheFloorComesBeforeAndAfterInTurnsThatAreAlwaysTheSame) {
  Script script, again;
  (void)run(contestants(script), 200);
  (void)run(contestants(again), 200);
  EXPECT_EQ(*script.order, *again.order);
  std::map<char, int> first;  // letters of an iteration: s and f, and then d in some
  std::string order = script.order->substr(3, 200 * 2 + 50);
  std::erase(order, 'd');
  for (std::size_t i = 0; i < 200 * 2; i += 2) ++first[order[i]];
  EXPECT_GT(first['f'], 50) << order;
  EXPECT_GT(first['s'], 50) << order;
}

TEST(LatencyRun, TheSequentialNeighbourIsThereOftenEnoughAndNotMore) {
  for (const std::uint64_t saves : {1u, 20u, 30u, 64u, 65u, 100u, 1000u, 5000u}) {
    const std::size_t taken = run(contestants({}), saves).times_faster_than_documented_sequential.size();
    EXPECT_EQ(taken, std::min<std::uint64_t>(saves, 64)) << saves;
  }
}

TEST(LatencyRun, ColdNeighboursAreThereOftenEnoughAndNotMore) {
  for (const std::uint64_t saves : {20u, 129u}) {
    const report::RowSamples samples = run(contestants({}), saves, true);
    EXPECT_EQ(samples.save_ns.size(), saves);
    EXPECT_EQ(samples.ratio_to_floor.size(), std::min<std::uint64_t>(saves, 128)) << saves;
    EXPECT_EQ(samples.times_faster_than_documented_sequential.size(), std::min<std::uint64_t>(saves, 32)) << saves;
  }
  EXPECT_EQ(run(contestants({}), 1000).ratio_to_floor.size(), 1000u) << "beside each save of a warm row";
}

// A machine that slows down meanwhile must not meet one of the two alone.
TEST(LatencyRun, NeighboursAreSpreadOverTheRow) {
  Script script;
  (void)run(contestants(script), 1000);
  std::vector<std::size_t> saves_between{0};
  for (const char letter : script.order->substr(3)) {
    if (letter == 's') ++saves_between.back();
    if (letter == 'd') saves_between.push_back(0);
  }
  ASSERT_EQ(saves_between.size(), 65u);
  for (std::size_t i = 1; i < 64; ++i) EXPECT_NEAR(static_cast<double>(saves_between[i]), 15.5, 0.6) << i;
}

TEST(LatencyRun, ListensAsOftenAsItSavedButNotForLong) {
  EXPECT_EQ(hiccup_windows(1, 1000), 1u);
  EXPECT_EQ(hiccup_windows(1000, 0), 1000u);
  EXPECT_EQ(hiccup_windows(5000, 1'000'000), 1000u);
  EXPECT_EQ(hiccup_windows(1000, 3'000'000), 1000u);
  EXPECT_EQ(hiccup_windows(1000, 6'000'000), 500u);
  EXPECT_EQ(hiccup_windows(1000, 80'000'000), 100u) << "enough for a median";
  EXPECT_EQ(hiccup_windows(20, 1'000'000'000), 20u);
}

TEST(LatencyRun, CountsSavesThatAreNotTimed) {
  Script script;
  const report::RowSamples samples = run(contestants(script), 50);
  const auto saves = static_cast<std::size_t>(std::count(script.order->begin(), script.order->end(), 's'));
  const std::size_t counted = counts_allocator_calls() ? 21 : 0;
  EXPECT_EQ(samples.allocator_calls.size(), counted);
  EXPECT_EQ(saves, 1 + 50 + counted);
  EXPECT_EQ(run(contestants({}), 5).allocator_calls.size(), counted == 0 ? 0u : 5u);
}

TEST(LatencyRun, AllocatorCallsAreThoseOfASave) {
  if (!counts_allocator_calls()) GTEST_SKIP() << "not counted in this build";
  Script script;
  script.allocations = 7;
  const report::RowSamples samples = run(contestants(script), 30);
  EXPECT_EQ(samples.allocator_calls, std::vector<std::uint64_t>(21, 14)) << "each is freed, too";
}

TEST(LatencyRun, PhasesComeFromTheReport) {
  Script script;
  SaveReport report;
  report.plan = SavePlan::kFused;
  report.threads = 2;
  for (unsigned p = 0; p < kSavePhases; ++p) report.phase_ns[p] = 10 + p;
  script.report = &report;
  const report::RowSamples samples = run(contestants(script), 4);
  EXPECT_EQ(samples.plan, SavePlan::kFused);
  EXPECT_EQ(samples.threads_taken, 2u);
  for (unsigned p = 0; p < kSavePhases; ++p) EXPECT_EQ(samples.phase_ns[p], std::vector<std::uint64_t>(4, 10 + p));
  const report::RowSamples without = run(contestants({}), 4);
  EXPECT_EQ(without.plan, std::nullopt);
  EXPECT_TRUE(without.phase_ns[0].empty());
}

TEST(LatencyRun, ColdRowsAskWhereTheImageLiesBeforeEachSave) {
  Script script;
  (void)run(contestants(script), 5, true);
  // The first three saves are checks. Then 'i' is the image that was flushed.
  const std::string order = script.order->substr(3);
  for (std::size_t i = 0; i < 15 * 2; i += 2) EXPECT_EQ(order[i], 'i') << order;
  Script warm;
  (void)run(contestants(warm), 5);
  EXPECT_EQ(warm.order->find('i'), warm.order->size() - 1) << "once, when all is over";
}

TEST(LatencyRun, WhoSavesInAFirstTouchRowHasForgottenTheLastImage) {
  Script script;
  script.engine_ns = [](unsigned) { return 1000; };
  (void)run(contestants(script), 5, false, true);
  const std::string order = script.order->substr(4);  // the first saves are checks
  EXPECT_GE(order.size(), 2 * 4 * 5u);
  for (std::size_t i = 0; i + 1 < order.size(); i += 2) EXPECT_EQ(order[i], order[i + 1] - 'a' + 'A') << order;
  Script warm;
  (void)run(contestants(warm), 5);
  EXPECT_EQ(warm.order->find('S'), std::string::npos);
}

std::string failure(const Script& script, std::uint64_t saves = 3) {
  try {
    (void)run(contestants(script), saves);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(LatencyRun, AWrongImageFailsBeforeAnythingIsTimed) {
  Script script;
  script.subject_differs_from = 1;
  EXPECT_EQ(failure(script), "subject: packet 3 differs");
  EXPECT_EQ(*script.order, "sfd");
}

TEST(LatencyRun, AWrongImageOfANeighbourFailsToo) {
  Script floor, sequential;
  floor.floor_differs_from = 1;
  sequential.sequential_differs_from = 1;
  EXPECT_EQ(failure(floor), "floor: packet 3 differs");
  EXPECT_EQ(failure(sequential), "sequential: packet 3 differs");
  Script engine;
  engine.engine_ns = [](unsigned) { return 1000; };
  engine.engine_differs_from = 1;
  EXPECT_EQ(failure(engine), "engine: packet 3 differs");
}

TEST(LatencyRun, AnImageThatGoesWrongMeanwhileFails) {
  Script script;
  script.subject_differs_from = 3;
  EXPECT_EQ(failure(script), "subject: packet 3 differs");
  script.order->clear();
  script.subject_differs_from = 30;
  EXPECT_EQ(failure(script), "");
}

TEST(LatencyRun, ASaveThatThrowsFails) {
  Script script;
  script.subject_ns = [](unsigned save) -> std::uint64_t {
    if (save == 2) throw std::runtime_error("save failed: no memory");
    return 1;
  };
  EXPECT_EQ(failure(script), "save failed: no memory");
}

}  // namespace
}  // namespace vmbsave::bench
