// The same question, put to a table alone, so that it can be put to a table with a lock, too: there it must be answered
// with "blocked", or the question is worth nothing.
#include <gtest/gtest.h>

#include "stress/park_table_rig.hpp"

namespace vmbsave::test {
namespace {

constexpr unsigned kMostPlaces = 1000;

// Places at which the others are blocked; looks for no more than `most`.
template <class Table>
unsigned count_blocked(bool is_saver, std::chrono::milliseconds bound, unsigned most, unsigned& places) {
  unsigned blocked = 0;
  for (places = 0; places < kMostPlaces && blocked < most; ++places) {
    TableRig<Table> rig;
    bool parked = false;
    if (rig.ask(is_saver, places + 1, bound, parked) == Verdict::kBlocked) ++blocked;
    if (!parked) break;
  }
  EXPECT_LT(places, kMostPlaces) << "the operation does not end";
  return blocked;
}

TEST(ParkTable, NobodyIsBlockedByAPacketThatStands) {
  unsigned places = 0;
  EXPECT_EQ(count_blocked<EngineTable>(false, kBlockedAfter, 1, places), 0u);
  EXPECT_GT(places, 8u);
}

TEST(ParkTable, NobodyIsBlockedByASaverThatStands) {
  unsigned places = 0;
  EXPECT_EQ(count_blocked<EngineTable>(true, kBlockedAfter, 1, places), 0u);
  EXPECT_GT(places, 4u);
}

// Negative control: the bound may be short, because blocked is what they have to be.
TEST(ParkTable, ATableWithALockIsFoundOut) {
  constexpr std::chrono::milliseconds kShort{500};
  for (const bool is_saver : {false, true}) {
    unsigned places = 0;
    EXPECT_EQ(count_blocked<MutexTable>(is_saver, kShort, 2, places), 2u) << "two places with the lock held";
  }
}

}  // namespace
}  // namespace vmbsave::test
