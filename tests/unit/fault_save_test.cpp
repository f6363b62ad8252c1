// Saves in which an allocation fails, or a callback, and saves that have to stop.
#include <gtest/gtest.h>

#include <random>

#include "unit/fault_rig.hpp"

namespace vmbsave::test {
namespace {

constexpr unsigned kChannels = 3;
constexpr std::uint32_t kFew = 50;      // packets of a channel: blocks that are not full
constexpr std::uint32_t kMany = 1'450;  // likewise: what is sealed is sent while the rest is saved
constexpr To kTurns[] = {To::kFile, To::kSocket, To::kMemory};
constexpr std::uint64_t kNoEnd = 5'000;  // points of one kind

// As point(n) for n = 1, 2, ... until it says that nothing has failed any more; how many times something has.
template <class Point>
std::uint64_t each(const std::string& what, const Way& way, Point&& point) {
  for (std::uint64_t n = 1; n < kNoEnd; ++n) {
    SCOPED_TRACE(what + " " + std::to_string(n) + ", " + way.text());
    if (!point(n)) return n - 1;
    if (testing::Test::HasFailure()) return n;
  }
  ADD_FAILURE() << "no end: " << what;
  return kNoEnd;
}

// Every one, but where internal checks allocate for each packet: there, some of those.
std::uint64_t each_allocation(SaveRig& rig, const Way& way, bool stays, unsigned& met) {
  constexpr std::uint64_t kEach = 60;
  const std::uint64_t step = VMBSAVE_CHECK < 2 ? 1 : rig.vm.packets() / 4;
  return each(stays ? "no memory from allocation" : "allocation", way, [&](std::uint64_t n) {
    const std::uint64_t number = n <= kEach ? n : kEach + (n - kEach) * step;
    const Outcome outcome = rig.run(way, {.calls = kMemoryCalls, .number = number, .failure = {.stays = stays}});
    met |= outcome.met == 0 ? 0 : Injection::met_calls();
    EXPECT_TRUE(outcome.met != 0 || outcome.status == Status::kSuccess) << status_name(outcome.status);
    return outcome.met != 0;
  });
}

TEST(FaultSave, EachAllocation) {
  SaveRig rig(kChannels, kFew);
  unsigned met = 0;
  std::uint64_t points = 0;
  for (const Way& way : ways({To::kMemory, To::kFile, To::kSocket}, {true, false})) {
    for (const bool stays : {false, true}) {
      points += each_allocation(rig, way, stays, met);
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_EQ(met, kMemoryCalls) << "each kind of allocation";
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(points, 500u);
}

TEST(FaultSave, EachAllocationWhileItIsSent) {
  SaveRig rig(kChannels, kMany);
  unsigned met = 0;
  std::uint64_t points = 0;
  for (const Way& way : ways({To::kFile, To::kSocket}, {true, false})) {
    points += each_allocation(rig, way, false, met);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(met, kMemoryCalls);
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(points, 100u);
}

// ---- callbacks
// ---------------------------------------------------------------------------------------------------------------------

struct Misbehaviour {
  const char* name;
  Callback callback;
  Wrong wrong;
  unsigned retries;
  Status status;
  unsigned step = 1;  // of all calls, each one so far from the one before
};

constexpr Misbehaviour kMisbehaviours[] = {
    {"first call fails", Callback::kFirst, Wrong::kFails, 0, Status::kDataError},
    {"first call throws", Callback::kFirst, Wrong::kThrows, 0, Status::kUnhandledException, 5},
    {"first call finds no memory", Callback::kFirst, Wrong::kThrowsBad, 0, Status::kUnhandledException, 7},
    {"second call fails", Callback::kSecond, Wrong::kFails, 0, Status::kDataError},
    {"second call fails in spite of retries", Callback::kSecond, Wrong::kFails, 2, Status::kDataError, 5},
    {"second call throws", Callback::kSecond, Wrong::kThrows, 0, Status::kUnhandledException},
    {"state has grown", Callback::kSecond, Wrong::kGrows, 0, Status::kBufferTooSmall},
    {"state has grown and may", Callback::kSecond, Wrong::kGrows, 1, Status::kSuccess},
};

std::uint64_t each_callback(SaveRig& rig, Way way, const Misbehaviour& misbehaviour, std::uint64_t step) {
  return each(misbehaviour.name, way, [&](std::uint64_t n) {
    const std::uint64_t at = 1 + (n - 1) * step;
    way.warm = n % 2 == 0;
    way.to = kTurns[n % 3];
    if (way.executor != nullptr) way.executor = n % 4 == 0 ? production() : two_threads();
    SCOPED_TRACE(way.text());
    const Outcome outcome = rig.run(way, {.callback = {misbehaviour.callback, misbehaviour.wrong, at}},
                                    {.growth_retries = misbehaviour.retries});
    EXPECT_EQ(outcome.status, outcome.met == 0 ? Status::kSuccess : misbehaviour.status);
    EXPECT_EQ(outcome.save.failure.status, outcome.status);
    // A pass for blocks that found no room is not a retry. They may find none in a cold save, and when several threads
    // share an arena that one filled before.
    const bool has_grown = outcome.met != 0 && outcome.status == Status::kSuccess;
    EXPECT_LE(outcome.save.growth_retries, has_grown ? 1u : 0u);
    EXPECT_TRUE(!has_grown || !way.warm || way.executor != nullptr || outcome.save.growth_retries == 1);
    return outcome.met != 0;
  });
}

TEST(FaultSave, EachCallback) {
  SaveRig rig(kChannels, kFew);
  for (const Misbehaviour& misbehaviour : kMisbehaviours) {
    std::uint64_t points = 0;
    for (const Way& way : ways({To::kFile}, {true})) {
      points += each_callback(rig, way, misbehaviour, misbehaviour.step);
      ASSERT_FALSE(HasFailure());
    }
    RecordProperty(misbehaviour.name, static_cast<int>(points));
    EXPECT_GE(points, 4 * 120u / misbehaviour.step) << misbehaviour.name;
  }
}

TEST(FaultSave, SomeCallbacksWhileItIsSent) {
  SaveRig rig(kChannels, kMany);
  for (const Misbehaviour& misbehaviour : kMisbehaviours) {
    std::uint64_t points = 0;
    for (const Way& way : ways({To::kFile}, {true})) {
      points += each_callback(rig, way, misbehaviour, 797);
      ASSERT_FALSE(HasFailure());
    }
    RecordProperty(misbehaviour.name, static_cast<int>(points));
    EXPECT_GE(points, 4 * 4u) << misbehaviour.name;
  }
}

// ---- deadline and cancel
// ---------------------------------------------------------------------------------------------------------------------

// Stopped, or whole; what is whole may have met a socket that was to be waited for.
void expect_stopped(const Outcome& outcome, Status status) {
  EXPECT_TRUE(outcome.status == status || outcome.status == Status::kSuccess) << status_name(outcome.status);
  EXPECT_EQ(outcome.save.blocks_after_stop, 0u);
  EXPECT_EQ(outcome.save.stop_ns != 0, outcome.save.failure.status == status);
  if (outcome.status == status && outcome.save.failure.status == Status::kSuccess) {
    EXPECT_EQ(outcome.sent.io.step, io::IoStep::kWait);
  }
}

// The block in which it comes is ended; if that is the last one, the save is whole. stopped: how often it was not.
std::uint64_t each_cancel(SaveRig& rig, Way way, Callback callback, std::uint64_t step, std::uint64_t& stopped) {
  return each("cancel at call", way, [&](std::uint64_t n) {
    way.warm = n % 2 == 0;
    way.to = kTurns[n % 3];
    if (way.executor != nullptr) way.executor = n % 4 == 0 ? production() : two_threads();
    CancelToken token;
    std::uint64_t calls = 0;
    rig.vm.hook = [&] {
      calls = rig.vm.calls(Callback::kFirst) + rig.vm.calls(Callback::kSecond);
      token.cancel();
    };
    const Outcome outcome =
        rig.run(way, {.callback = {callback, Wrong::kCalls, 1 + (n - 1) * step}}, {.cancel = &token});
    EXPECT_EQ(token.cancelled(), outcome.met != 0);
    expect_stopped(outcome, Status::kCancelled);
    if (outcome.status == Status::kCancelled) {
      const std::uint64_t threads = way.executor == nullptr ? 1 : 2;
      EXPECT_LE(outcome.calls - calls, threads * 2 * image::kBlockPackets) << "of the blocks in work";
      ++stopped;
    }
    return outcome.met != 0;
  });
}

TEST(FaultSave, CancelAtEachCallback) {
  SaveRig rig(kChannels, kFew);
  std::uint64_t points = 0;
  std::uint64_t stopped = 0;
  for (const Way& way : ways({To::kFile}, {true})) {
    for (const Callback callback : {Callback::kFirst, Callback::kSecond}) {
      points += each_cancel(rig, way, callback, 1, stopped);
      ASSERT_FALSE(HasFailure());
    }
  }
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(points, 4 * 270u);
  EXPECT_GE(stopped, points / 2);
}

TEST(FaultSave, CancelWhileItIsSent) {
  SaveRig rig(kChannels, kMany);
  std::uint64_t points = 0;
  std::uint64_t stopped = 0;
  for (const Way& way : ways({To::kFile}, {true})) {
    points += each_cancel(rig, way, Callback::kFirst, 397, stopped);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GE(points, 4 * 10u);
  EXPECT_GE(stopped, points / 2);
}

TEST(FaultSave, CancelFromAnotherThreadAtAnyMoment) {
  // On busy processors the other thread often comes when the save is over.
  constexpr int kRounds = 25;
  constexpr int kMostRounds = 2000;
  constexpr std::uint64_t kStopped = 10;
  SaveRig rig(kChannels, kMany);
  std::mt19937 random(1);
  std::uint64_t stopped = 0;
  for (int round = 0; round < kRounds || (stopped < kStopped && round < kMostRounds); ++round) {
    for (const Way& way : ways({To::kFile}, {true})) {
      SCOPED_TRACE("cancel after a while, " + way.text());
      CancelToken token;
      std::atomic<bool> over{false};
      const std::uint64_t wait_ns = random() % 400'000;
      rig.vm.begun_ns = 0;
      std::thread other([&] {
        while (rig.vm.begun_ns == 0) std::this_thread::yield();
        while (base::now_ns() - rig.vm.begun_ns < wait_ns) std::this_thread::yield();
        token.cancel();
        while (!over) std::this_thread::yield();  // so that its memory is there when it is counted
      });
      const Outcome outcome = rig.run(way, {}, {.cancel = &token});
      over = true;
      other.join();
      expect_stopped(outcome, Status::kCancelled);
      stopped += outcome.status == Status::kCancelled ? 1 : 0;
      ASSERT_FALSE(HasFailure());
    }
  }
  RecordProperty("stopped", static_cast<int>(stopped));
  EXPECT_GE(stopped, kStopped);
}

TEST(FaultSave, CancelledBeforeItsFirstBlock) {
  SaveRig rig(kChannels, kFew);
  CancelToken token;
  token.cancel();
  for (const Way& way : ways({To::kFile, To::kSocket}, {true, false})) {
    SCOPED_TRACE("cancelled before, " + way.text());
    const Outcome outcome = rig.run(way, {}, {.cancel = &token});
    EXPECT_EQ(outcome.status, Status::kCancelled);
    EXPECT_EQ(outcome.calls, 0u);
    expect_stopped(outcome, Status::kCancelled);
  }
}

TEST(FaultSave, DeadlineInEachBlock) {
  constexpr std::uint64_t kDeadline = 2'000'000;
  SaveRig rig(kChannels, kFew);
  std::uint64_t points = 0;
  std::uint64_t stopped = 0;
  for (Way way : ways({To::kFile}, {true})) {
    for (const Callback callback : {Callback::kFirst, Callback::kSecond}) {
      points += each("deadline at call", way, [&](std::uint64_t n) {
        way.warm = n % 2 == 0;
        way.to = kTurns[n % 3];
        rig.vm.hook = [&] {
          while (base::now_ns() - rig.vm.begun_ns < kDeadline) std::this_thread::yield();
        };
        const Outcome outcome =
            rig.run(way, {.callback = {callback, Wrong::kCalls, n * 13 - 12}}, {.deadline_ns = kDeadline});
        expect_stopped(outcome, Status::kIoTimeout);
        stopped += outcome.status == Status::kIoTimeout ? 1 : 0;
        return n * 13 - 12 < 159;  // one that passes earlier is another such point
      });
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GE(points, 4 * 20u);
  EXPECT_GE(stopped, points / 2);
}

// Both threads are at a packet when the save has to stop: each ends its block, and that is all.
TEST(FaultSave, NoThreadStartsAnotherBlock) {
  constexpr std::uint64_t kDeadline = 20'000'000;
  SaveRig rig(kChannels, kMany);
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    for (const bool by_deadline : {false, true}) {
      for (int round = 0; round < 10; ++round) {
        const Way way{plan, two_threads(), To::kFile};
        SCOPED_TRACE((by_deadline ? "deadline, " : "cancel, ") + way.text());
        CancelToken token;
        std::atomic<unsigned> inside{0};
        std::atomic<bool> stopped{false};
        std::uint64_t calls = 0;
        std::mutex mutex;
        std::vector<std::thread::id> known;
        known.reserve(2);
        const auto comes_anew = [&] {
          const std::lock_guard lock(mutex);
          if (std::find(known.begin(), known.end(), std::this_thread::get_id()) != known.end()) return false;
          known.push_back(std::this_thread::get_id());
          return true;
        };
        rig.vm.on_save = [&](std::uint64_t, bool) {
          if (stopped || !comes_anew()) return;
          const bool is_first = ++inside == 1;
          while (inside != 2) std::this_thread::yield();
          if (!is_first) {
            while (!stopped) std::this_thread::yield();
            return;
          }
          while (by_deadline && base::now_ns() - rig.vm.begun_ns < kDeadline) std::this_thread::yield();
          if (!by_deadline) token.cancel();
          calls = rig.vm.calls(Callback::kFirst) + rig.vm.calls(Callback::kSecond);
          stopped = true;
        };
        SaveOptions options;
        if (by_deadline) {
          options.deadline_ns = kDeadline;
        } else {
          options.cancel = &token;
        }
        const Outcome outcome = rig.run(way, {}, options);
        rig.vm.on_save = nullptr;
        EXPECT_EQ(outcome.status, by_deadline ? Status::kIoTimeout : Status::kCancelled);
        const std::uint64_t each_block = image::kBlockPackets * (plan == SavePlan::kFused ? 2 : 1);
        EXPECT_LE(outcome.calls - calls, 2 * each_block) << "of the two blocks in work";
        EXPECT_EQ(outcome.save.blocks_after_stop, 0u);
        EXPECT_GT(outcome.save.stop_ns, 0u);
        if (!by_deadline) {
          EXPECT_LE(outcome.save.stop_ns, base::now_ns() - token.when_ns());
        }
        ASSERT_FALSE(HasFailure());
      }
    }
  }
}

// A packet that is being received holds up the begin.
TEST(FaultSave, StoppedWhileBeginWaits) {
  for (const bool by_deadline : {false, true}) {
    SaveRig rig(kChannels, kFew);
    const auto [status, packet] = rig.vm.channel(1).claim();
    ASSERT_EQ(status, packet::ClaimStatus::kClaimed);
    CancelToken token;
    std::thread other([&] {
      while (!by_deadline && rig.vm.vm.control().epoch() == 0) std::this_thread::yield();
      if (!by_deadline) token.cancel();
    });
    save::SaveSession session(rig.vm.vm);
    EXPECT_EQ(session.begin({.deadline_ns = by_deadline ? 1'000'000u : 0u, .cancel = &token}),
              by_deadline ? Status::kIoTimeout : Status::kCancelled);
    other.join();
    EXPECT_EQ(session.report().failure.phase, SavePhase::kTransitWait);
    EXPECT_GT(session.report().stop_ns, 0u);
    EXPECT_FALSE(session.begun());
    rig.vm.channel(1).unclaim(*packet);
    EXPECT_EQ(rig.run({}).status, Status::kSuccess);
  }
}

}  // namespace
}  // namespace vmbsave::test
