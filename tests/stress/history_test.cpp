// What real threads did to a VM at the same time could have been done one after the other (model/history.hpp). Here an
// operation is before another if it was over when that one began: a clock that all threads share says so.
#include "model/history.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

using Kind = Operation::Kind;

// ---- real threads ----

struct Call {
  Operation operation;
  std::uint64_t start;
  std::uint64_t end;
};

// The calls of one thread, which it alone writes.
class Log {
 public:
  explicit Log(std::atomic<std::uint64_t>& clock) : clock_(clock) { calls_.reserve(History::kMost); }

  int start(std::uint64_t id = 0) {
    Call& call = calls_.emplace_back();
    call.operation.id = static_cast<Promise::Id>(id);
    call.start = ++clock_;  // sequentially consistent, as is its partner in finish()
    return static_cast<int>(calls_.size()) - 1;
  }
  void finish(int at, Kind kind) {
    Call& call = calls_[static_cast<std::size_t>(at)];
    call.operation.kind = kind;
    call.end = ++clock_;
  }
  void forget(int at) { calls_.resize(static_cast<std::size_t>(at)); }
  void set_image(int at, std::uint64_t ids) { calls_[static_cast<std::size_t>(at)].operation.image = ids; }

  std::vector<Call>& calls() { return calls_; }
  int open = -1;  // the call that may deliver

 private:
  std::atomic<std::uint64_t>& clock_;
  std::vector<Call> calls_;
};

std::vector<Operation> merged(std::vector<Log>& logs) {
  std::vector<Call> calls;
  for (Log& log : logs) {
    const int base = static_cast<int>(calls.size());
    for (Call call : log.calls()) {
      if (call.operation.inside >= 0) call.operation.inside += base;
      calls.push_back(call);
    }
  }
  std::vector<Operation> operations;
  for (const Call& call : calls) {
    operations.push_back(call.operation);
    for (std::size_t i = 0; i < calls.size() && i < History::kMost; ++i) {
      if (calls[i].end < call.start) operations.back().before |= std::uint64_t{1} << i;
    }
  }
  return operations;
}

constexpr std::uint64_t kPackets = 8;
constexpr std::uint32_t kCapacity = 3;
thread_local Log* of_this_thread = nullptr;

// One short run: a reader, two completers, a saver. Saves that give up, if there is a deadline.
std::string verdict_of_a_run(std::uint64_t deadline_ns) {
  std::atomic<std::uint64_t> clock{0};
  std::vector<Log> logs(4, Log(clock));
  TestVm vm(1, {.capacity = kCapacity, .result_bytes = 8});
  std::atomic<packet::Packet*> handed[kPackets] = {};
  std::atomic<int> ready{0};
  vm[0].on_delivered = [](std::uint64_t id) {
    const int at = of_this_thread->start(id);
    of_this_thread->calls()[static_cast<std::size_t>(at)].operation.inside = of_this_thread->open;
    of_this_thread->finish(at, Kind::kSeen);
  };
  const auto line_up = [&](std::size_t thread) {
    of_this_thread = &logs[thread];
    ++ready;
    while (ready < 4) std::this_thread::yield();
  };
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    line_up(0);
    for (std::uint64_t id = 0; id < kPackets;) {
      const int at = logs[0].start(id);
      if (packet::Packet* const packet = vm[0].receive(id, 4)) {
        logs[0].finish(at, Kind::kAcquire);
        handed[id++] = packet;
      } else if (logs[0].calls().size() > 20) {
        logs[0].forget(at);  // enough of them
        std::this_thread::yield();
      } else {
        logs[0].finish(at, Kind::kRefused);
        std::this_thread::yield();
      }
    }
  });
  for (std::size_t completer : {1u, 2u}) {
    threads.emplace_back([&, completer] {
      line_up(completer);
      Log& log = logs[completer];
      for (std::uint64_t id = completer - 1; id < kPackets; id += 2) {
        while (handed[id] == nullptr) std::this_thread::yield();
        log.open = log.start(id);
        const bool completed = vm[0].complete(handed[id]) == Status::kSuccess;
        log.finish(log.open, completed ? Kind::kComplete : Kind::kWithdrawn);
      }
    });
  }
  threads.emplace_back([&] {
    line_up(3);
    Log& log = logs[3];
    for (int i = 0; i < 3; ++i) {
      const int begin = log.open = log.start();
      const bool begun = vm.session.begin({.deadline_ns = deadline_ns}) == Status::kSuccess;
      log.finish(begin, begun ? Kind::kBegin : Kind::kNoBegin);
      if (!begun) continue;
      if (vm.session.save() == Status::kSuccess) {
        std::vector<std::byte> bytes(vm.session.image().bytes());
        vm.session.image().copy_to(bytes.data());
        std::uint64_t ids = 0;
        for (const SavedPacket& packet : packets_of(bytes)) ids |= std::uint64_t{1} << packet.id;
        log.set_image(begin, ids);
      }
      log.open = log.start();
      vm.session.end(EndMode::kResume);
      log.finish(log.open, Kind::kEnd);
    }
  });
  for (std::thread& thread : threads) thread.join();
  return History(merged(logs), kCapacity).verdict();
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRuns = 300;
#else
constexpr int kRuns = 3000;
#endif

TEST(Linearizability, OfRunsOfRealThreads) {
  for (int i = 0; i < kRuns; ++i) ASSERT_EQ(verdict_of_a_run(0), "") << "run " << i;
}
TEST(Linearizability, OfRunsWithSavesThatGiveUp) {
  for (int i = 0; i < kRuns; ++i) ASSERT_EQ(verdict_of_a_run(1), "") << "run " << i;
}

// ---- what the judge must find ----

// A history whose operations came one after the other.
std::string verdict_of(std::vector<Operation> operations) {
  for (std::size_t i = 0; i < operations.size(); ++i) operations[i].before = (std::uint64_t{1} << i) - 1;
  return History(operations, 2).verdict();
}
Operation op(Kind kind, Promise::Id id = 0) { return {.kind = kind, .id = id}; }
Operation cut(std::uint64_t image) { return {.kind = Kind::kBegin, .image = image}; }
Operation seen(Promise::Id id, int inside) { return {.kind = Kind::kSeen, .id = id, .inside = inside}; }

TEST(LinearizabilityJudge, TakesWhatIsInOrder) {
  EXPECT_EQ(verdict_of({op(Kind::kAcquire), cut(1), op(Kind::kComplete), op(Kind::kEnd), seen(0, 3)}), "");
  EXPECT_EQ(verdict_of({op(Kind::kAcquire), cut(1), op(Kind::kDiscard), op(Kind::kWithdrawn)}), "");
  EXPECT_EQ(verdict_of({op(Kind::kAcquire), op(Kind::kRemove), op(Kind::kComplete)}), "");
  EXPECT_EQ(verdict_of({op(Kind::kAcquire, 0), op(Kind::kAcquire, 1), op(Kind::kRefused, 2)}), "") << "full";
  EXPECT_EQ(verdict_of({cut(0), op(Kind::kRefused), op(Kind::kEnd), op(Kind::kAcquire)}), "");
}

TEST(LinearizabilityJudge, FindsWhatNoOrderGives) {
  EXPECT_NE(verdict_of({op(Kind::kAcquire), cut(0), op(Kind::kEnd)}), "") << "not in the image";
  EXPECT_NE(verdict_of({cut(1), op(Kind::kEnd), op(Kind::kAcquire)}), "") << "in the image, and in the ring";
  EXPECT_NE(verdict_of({op(Kind::kAcquire), op(Kind::kComplete), cut(1)}), "") << "in the image, and completed";
  EXPECT_NE(verdict_of({op(Kind::kAcquire), cut(1), op(Kind::kComplete), seen(0, 2), op(Kind::kEnd)}), "")
      << "seen between a cut and its end";
  EXPECT_NE(verdict_of({cut(0), op(Kind::kAcquire), op(Kind::kEnd)}), "") << "taken between a cut and its end";
  EXPECT_NE(verdict_of({op(Kind::kRefused), op(Kind::kAcquire)}), "") << "refused for no reason";
  EXPECT_NE(verdict_of({op(Kind::kAcquire), op(Kind::kWithdrawn)}), "") << "likewise";
  EXPECT_NE(verdict_of({op(Kind::kAcquire), op(Kind::kComplete), op(Kind::kComplete)}), "") << "completed twice";
  EXPECT_NE(verdict_of({op(Kind::kAcquire), seen(0, 0), op(Kind::kComplete)}), "") << "seen before it is completed";
  EXPECT_NE(verdict_of({op(Kind::kAcquire), cut(1), op(Kind::kComplete), op(Kind::kDiscard), seen(0, 3)}), "")
      << "seen, and the destination has it";
  EXPECT_NE(verdict_of({cut(0), cut(0)}), "") << "two saves at once";
}

TEST(LinearizabilityJudge, FindsACompletionThatIsLeftToSomebodyElse) {
  std::vector<Operation> late = {op(Kind::kAcquire), op(Kind::kComplete), seen(0, 1)};
  EXPECT_EQ(verdict_of(late), "");
  late[2].inside = -1;
  EXPECT_NE(verdict_of(late), "");
}

// A begin waits for a packet that was completed before the cut and is being delivered. Another that is completed
// meanwhile, after the cut, is over before the guest sees the first.
TEST(LinearizabilityJudge, KnowsThatABeginWaitsForWhatIsBeingDelivered) {
  std::vector<Operation> waited = {op(Kind::kAcquire, 0),
                                   op(Kind::kAcquire, 1),
                                   cut(2),
                                   op(Kind::kComplete, 0),
                                   op(Kind::kComplete, 1),
                                   seen(0, 3),
                                   op(Kind::kEnd),
                                   seen(1, 6)};
  constexpr std::uint64_t kBegin = 1 << 2;
  waited[1].before = 1;
  for (const std::size_t i : {2u, 3u, 4u}) waited[i].before = 3;
  waited[5].before = 3 | 1 << 4;
  waited[6].before = 0b111111;
  waited[7].before = 0b1111111;
  EXPECT_EQ(History(waited, 2).verdict(), "");
  waited[5].before |= kBegin;
  EXPECT_NE(History(waited, 2).verdict(), "") << "the begin was over before the guest saw it";
  waited[5] = seen(1, 4);
  waited[7] = seen(0, 6);
  waited[5].before = 3;
  waited[7].before = 0b1111111;
  EXPECT_NE(History(waited, 2).verdict(), "") << "the guest saw the other one, which is in the image";
}

TEST(LinearizabilityJudge, LetsWhatIsBesideBeInAnyOrder) {
  std::vector<Operation> beside = {op(Kind::kAcquire), cut(0), op(Kind::kEnd)};
  beside[2].before = 2;
  EXPECT_EQ(History(beside, 2).verdict(), "") << "the packet came after the cut";
  beside[1].before = 1;
  EXPECT_NE(History(beside, 2).verdict(), "");
}

}  // namespace
}  // namespace vmbsave::test
