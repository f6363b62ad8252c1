// Who works on a channel needs nobody else to go on. A victim is stopped for ever before each atomic operation of each
// of its operations, and inside the VSP's own part of them; the others must do all of their work while it stands.
//
// The rule. begin waits for what is in transit: a slot that is Filling, one that is Done in a word that is not frozen,
// and a packet that ProcessPacket has not come back with. A victim that stands there makes every save give up at its
// deadline, and nothing else; a victim that stands anywhere else is in nobody's way. A saver that stands delays
// deliveries, and other savers are told so at once.
//
// The places are found by running the operation until it ends without a stop.
#include "stress/park_matrix.hpp"

namespace vmbsave::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr Work kMuch{20'000, 100};
constexpr Work kLess{2'000, 10};
#else
constexpr Work kMuch{1'000'000, 100};
constexpr Work kLess{100'000, 20};  // where only how the victim goes on is another
#endif

constexpr unsigned kMostPlaces = 1000;  // of one operation: more, and it does not end
constexpr Moment kMoments[] = {Moment::kRunning, Moment::kCutting, Moment::kSaving};

struct Counted {
  unsigned cells = 0;
  unsigned in_transit = 0;
  unsigned elsewhere = 0;
};

class ParkForever : public testing::Test {
 protected:
  // Every place of the operation, begun at `start`, going on at `end`.
  void go_through(Operation operation, Moment start, Moment end, const Work& work) {
    for (unsigned place = 1; place < kMostPlaces && !HasFailure(); ++place) {
      SCOPED_TRACE(std::string(name_of(operation)) + ", from " + name_of(start) + " to " + name_of(end) + ", place " +
                   std::to_string(place));
      Cell cell(log, operation, start, place, work);
      const bool parked = cell.is_parked();
      cell.work_in_save(start);
      if (parked) cell.work_on();
      // A saver does not come past a victim in transit.
      cell.finish(end == Moment::kSaving && cell.in_transit() ? Moment::kRunning : end);
      if (!parked) return;
      ++counted.cells;
      counted.in_transit += cell.counted_in_transit();
      counted.elsewhere += cell.counted_elsewhere();
    }
    EXPECT_TRUE(HasFailure()) << "the operation does not end";
  }

  // From and to every moment. The first goes on without any saver, and has the most work.
  void go_through_all(Operation operation) {
    for (const Moment start : kMoments) {
      for (const Moment end : kMoments) {
        go_through(operation, start, end, end == Moment::kRunning ? kMuch : kLess);
      }
    }
    RecordProperty("cells", static_cast<int>(counted.cells));
    RecordProperty("in_transit", static_cast<int>(counted.in_transit));
    EXPECT_GT(counted.in_transit, 0u) << "the test has tested nothing";
    EXPECT_GT(counted.elsewhere, 0u) << "the test has tested nothing";
  }

  EventLog log{2 * kMuch.operations + 200'000};
  Counted counted;
};

TEST_F(ParkForever, Receiver) { go_through_all(Operation::kReceive); }

TEST_F(ParkForever, Completer) { go_through_all(Operation::kComplete); }

TEST_F(ParkForever, Saver) {
  for (unsigned place = 1; place < kMostPlaces && !HasFailure(); ++place) {
    SCOPED_TRACE("save, place " + std::to_string(place));
    Cell cell(log, Operation::kSave, Moment::kRunning, place, kMuch);
    const bool parked = cell.is_parked();
    if (parked) cell.work_beside_saver(place);
    cell.finish(Moment::kRunning);
    if (!parked) {
      RecordProperty("cells", static_cast<int>(counted.cells));
      return;
    }
    ++counted.cells;
  }
  EXPECT_TRUE(HasFailure()) << "the operation does not end";
}

}  // namespace
}  // namespace vmbsave::test
