// The rigs that rows share, and that each row gets what it names.
#include "latency/stage.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/huge_pages.hpp"
#include "harness/page_faults.hpp"

namespace vmbsave::bench {
namespace {

constexpr Point kSmall{.channels = 2, .packets = 64};
constexpr Point kOther{.channels = 3, .packets = 32};
constexpr Point kThird{.channels = 1, .packets = 16};

TEST(RigPool, KeepsTheRigOfAPoint) {
  RigPool pool(rig_bytes(kSmall) + rig_bytes(kOther));
  const Rig* const small = &pool.at(kSmall);
  EXPECT_EQ(&pool.at(kSmall), small);
  EXPECT_EQ(pool.at(kOther).point(), kOther);
  EXPECT_EQ(&pool.at(kSmall), small) << "there is room for both";
  EXPECT_EQ(pool.size(), 2u);
}

TEST(RigPool, DropsTheOneThatWasNotUsedForLongest) {
  RigPool pool(rig_bytes(kSmall) + rig_bytes(kOther));
  const Rig* const small = &pool.at(kSmall);
  (void)pool.at(kOther);
  (void)pool.at(kSmall);
  (void)pool.at(kThird);
  EXPECT_EQ(pool.size(), 2u);
  EXPECT_EQ(&pool.at(kSmall), small);
}

TEST(RigPool, KeepsAtLeastOne) {
  RigPool pool(1);
  (void)pool.at(kSmall);
  EXPECT_EQ(pool.at(kOther).point(), kOther);
  EXPECT_EQ(pool.size(), 1u);
}

TEST(Stage, GivesEachRowWhatItNames) {
  Stage stage;
  for (const Kind kind : {Kind::kDocumentedSequential, Kind::kCopyFloor, Kind::kContractFloor, Kind::kEngine,
                          Kind::kCFace, Kind::kMutexList, Kind::kOpenvmmShape, Kind::kQemuShape, Kind::kPmrMonotonic,
                          Kind::kMallocPerPacket, Kind::kMimallocPerPacket, Kind::kTbbScalable, Kind::kFlatbuffers}) {
    const Contestants row = stage.contestants({.kind = kind, .point = kSmall, .threads = 2});
    EXPECT_EQ(row.subject->name(), std::string(kind_name(kind)));
    EXPECT_EQ(row.floor->name(), std::string("copy_floor"));
    EXPECT_EQ(row.sequential->name(), std::string("documented_sequential"));
    EXPECT_EQ(row.engine != nullptr, is_peer(kind));
    EXPECT_FALSE(row.packet_memory.empty());
  }
}

TEST(Stage, HandsOnPlanThreadsAndChecksum) {
  Stage stage;
  const auto report = [&](const RowSpec& spec) {
    const Contestants row = stage.contestants(spec);
    row.subject->save();
    EXPECT_EQ(row.subject->difference(), "") << row_name(spec);
    return *row.subject->report();
  };
  EXPECT_EQ(report({.plan = SavePlan::kExact, .point = kSmall}).plan, SavePlan::kExact);
  EXPECT_EQ(report({.plan = SavePlan::kFused, .point = kSmall, .checksum = true}).plan, SavePlan::kFused);
  EXPECT_EQ(report({.point = {.packets = 16'384}, .threads = 2}).packets, 16'384u);
}

// Bytes in huge pages, of a row's packets and of each image of it.
std::vector<std::uint64_t> huge_bytes_of(const Contestants& row) {
  std::vector<std::uint64_t> bytes;
  for (const auto& packets : row.packet_memory) bytes.push_back(huge_page_bytes({packets}).value_or(0));
  for (Implementation* const implementation : {row.subject.get(), row.floor.get(), row.sequential.get()}) {
    implementation->save();
    EXPECT_EQ(implementation->difference(), "");
    bytes.push_back(huge_page_bytes(implementation->image_memory()).value_or(0));
  }
  return bytes;
}

TEST(Stage, RowsOfSmallPagesHaveNoOthers) {
  Stage stage;
  RowSpec spec{.plan = SavePlan::kFused, .point = {.channels = 1, .packets = 30'000}};
  const std::vector<std::uint64_t> before = huge_bytes_of(stage.contestants(spec));
  spec.small_pages = true;
  {
    const Contestants small = stage.contestants(spec);
    EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    for (const std::uint64_t bytes : huge_bytes_of(small)) EXPECT_EQ(bytes, 0u);
    small.subject->forget();
    const std::uint64_t faults = page_faults();
    small.subject->save();
    EXPECT_GE(page_faults() - faults, small.subject->image_bytes() / 4096);
  }
  EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
  spec.small_pages = false;
  EXPECT_GE(huge_bytes_of(stage.contestants(spec)).front(), before.front()) << "the rows after it are as they were";
  if (std::ranges::max(before) == 0) GTEST_SKIP() << "the system has no huge pages";
  for (std::size_t i = before.size() - 3; i < before.size(); ++i) EXPECT_GT(before[i], 0u) << i;
}

TEST(Stage, SaysHowMuchMemoryARowLacks) {
  Stage stage;
  constexpr Point kHuge{.channels = 2047, .packets = 4'000'000'000, .state_min_bytes = 4224, .state_max_bytes = 4224};
  try {
    (void)stage.contestants({.point = kHuge});
    FAIL() << "16 TiB";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("MiB of memory"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace vmbsave::bench
