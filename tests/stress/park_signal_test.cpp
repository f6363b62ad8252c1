// A thread of the VSP is stopped by a signal at whatever instruction it is, for as long as the others take to do their
// work; many times. What it runs takes no lock and allocates nothing, so that whoever is blocked is blocked by the
// engine.
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <random>

#include "stress/park_table_rig.hpp"
#include "stress/park_vm.hpp"

namespace vmbsave::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr unsigned kBatches = 3;
constexpr std::size_t kEvents = 1'000'000;
#else
constexpr unsigned kBatches = 20;
constexpr std::size_t kEvents = 4'000'000;
#endif
constexpr unsigned kRounds = 20;  // a batch
constexpr std::uint64_t kOperations = 2'000;
constexpr unsigned kSaves = 3;

// What the handler knows. Lock-free, and read() is safe in a handler.
int gate[2];
std::atomic<bool> is_stopped{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  const int kept = errno;
  is_stopped.store(true, std::memory_order_release);  // release: all that the victim did before it stopped
  char byte = 0;
  while (read(gate[0], &byte, 1) != 1) {
  }
  is_stopped.store(false, std::memory_order_relaxed);
  errno = kept;
}

class Signals {
 public:
  Signals() {
    EXPECT_EQ(pipe(gate), 0);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    EXPECT_EQ(sigaction(SIGUSR1, &action, &old_), 0);
  }
  ~Signals() {
    sigaction(SIGUSR1, &old_, nullptr);
    close(gate[0]);
    close(gate[1]);
  }

 private:
  struct sigaction old_ = {};
};

template <class Condition>
bool await(Condition&& condition, std::chrono::milliseconds bound = kBlockedAfter) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// Stops the victim where it is; go_on() lets it.
void stop_it(std::thread& victim) {
  pthread_kill(victim.native_handle(), SIGUSR1);
  EXPECT_TRUE(await([] { return is_stopped.load(std::memory_order_acquire); })) << "the victim does not stop";
}
void go_on() {
  EXPECT_EQ(write(gate[1], "", 1), 1);
  EXPECT_TRUE(await([] { return !is_stopped.load(std::memory_order_relaxed); }));
}

// Two readers, one of them the victim; each completes packets of both rings.
class Batch {
 public:
  explicit Batch(EventLog& log) : log_(log), vm_(log) {}

  void run(std::mt19937& random) {
    std::atomic<bool> stop{false};  // publishes nothing: threads are joined
    std::atomic<unsigned> begun{0};
    Member victim;
    std::thread thread([&] {
      begun.fetch_add(1, std::memory_order_relaxed);
      while (!stop) {
        // The log has room for the others, too.
        log_.is_nearly_full() ? std::this_thread::yield() : turn(0, victim);
      }
    });
    const auto until_stop = [&](auto&& once) {
      return [&stop, &begun, once](Member& self) {
        begun.fetch_add(1, std::memory_order_relaxed);
        while (!stop) once(self);
      };
    };
    Crowd crowd({until_stop([this](Member& self) {
                   // relaxed: how far the round may go; nothing follows from it.
                   self.done() < allowed_.load(std::memory_order_relaxed) ? turn(1, self) : std::this_thread::yield();
                 }),
                 until_stop([this](Member& self) { complete_handed(self); }),
                 until_stop([this](Member& self) { save(self); })});
    // A thread that is stopped while it begins holds locks of the runtime, for which others that begin wait.
    EXPECT_TRUE(await([&] { return begun.load(std::memory_order_relaxed) == 4 && saves_ > 0; }));
    for (unsigned round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
      stop_it(thread);
      const std::uint64_t done = crowd.done();
      const std::uint64_t saves = saves_;
      const std::uint64_t timeouts = timeouts_;
      allowed_.fetch_add(2 * kOperations, std::memory_order_relaxed);
      EXPECT_TRUE(await([&] { return crowd.done() >= done + kOperations && saves_ >= saves + kSaves; }))
          << "the others wait for the victim: " << crowd.done() - done << " operations, " << saves_ - saves << " saves";
      if (timeouts_ >= timeouts + kSaves) ++in_transit;
      go_on();
    }
    stop = true;
    thread.join();
    crowd.end();
    for (auto& queue : queues_) {
      while (packet::Packet* const packet = queue.take()) EXPECT_EQ(vm_.complete(packet), Status::kSuccess);
    }
    EXPECT_EQ(refused_, 0u);
    EXPECT_TRUE(vm_.is_idle());
    EXPECT_EQ(log_.check(), std::vector<std::string>());
  }

  unsigned in_transit = 0;  // rounds in which saves gave up

 private:
  using Vm = ParkVm<base::Atomic>;
  using Queue = Handover<packet::Packet*, 16>;

  // Of the reader of one lane: takes a packet in, hands two of three to others, completes what it has.
  void turn(unsigned lane, Member& self) {
    Id& next = next_ids_[lane].id;
    packet::Packet* packet = self.call([&] { return vm_.receive(lane, next); });
    Queue& own = queues_[lane];
    if (packet != nullptr) {
      self.add_done();
      const Id number = next / 2;
      next += 2;  // the lanes take turns
      const bool gone = (number % 3 == 0 && queues_[2 + lane].put(packet)) ||
                        (number % 3 == 1 && queues_[4 + lane].put(packet)) || own.put(packet);
      if (!gone) complete(packet, self);
      if (gone && number % 2 == 0) return;
    }
    if ((packet = own.take()) != nullptr) complete(packet, self);
    if ((packet = queues_[2 + 1 - lane].take()) != nullptr) complete(packet, self);  // of the other lane
  }

  void complete_handed(Member& self) {
    bool idle = true;
    for (unsigned lane = 0; lane < 2; ++lane) {
      if (packet::Packet* const packet = queues_[4 + lane].take()) {
        complete(packet, self);
        idle = false;
      }
    }
    if (idle) std::this_thread::yield();
  }

  void complete(packet::Packet* packet, Member& self) {
    if (self.call([&] { return vm_.complete(packet); }) != Status::kSuccess) ++refused_;
    self.add_done();
  }

  // A save, and then a while without: back to back they would leave the rings paused.
  void save(Member& self) {
    const SaveOutcome outcome = self.call([&] { return vm_.save(session_, kDeadlineNs); });
    const bool gave_up = outcome.begin == Status::kIoTimeout || outcome.save == Status::kIoTimeout;
    if (gave_up) ++timeouts_;
    if (!gave_up && (outcome.begin != Status::kSuccess || outcome.save != Status::kSuccess)) ++refused_;
    ++saves_;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }

  using Id = Promise::Id;
  static constexpr std::uint64_t kDeadlineNs = 1'000'000;

  EventLog& log_;
  Vm vm_;
  Vm::Session session_{vm_.vm};
  // The two readers' own; from one reader to the other; to the completer.
  Queue queues_[6];
  struct alignas(64) NextId {
    Id id;
  };
  NextId next_ids_[2] = {{0}, {1}};
  // Counts only; what is told of packets goes through the log.
  std::atomic<std::uint64_t> allowed_{2 * kOperations};
  std::atomic<std::uint64_t> saves_{0};
  std::atomic<std::uint64_t> timeouts_{0};
  std::atomic<std::uint64_t> refused_{0};
};

TEST(ParkAnywhere, NobodyWaitsForAThreadThatASignalStops) {
  const Signals signals;
  EventLog log(kEvents);
  std::mt19937 random(1);
  unsigned in_transit = 0;
  for (unsigned i = 0; i < kBatches && !HasFailure(); ++i) {
    log.clear();
    Batch batch(log);
    batch.run(random);
    in_transit += batch.in_transit;
  }
  RecordProperty("rounds", static_cast<int>(kBatches * kRounds));
  RecordProperty("in_transit", static_cast<int>(in_transit));
  EXPECT_GT(in_transit, 0u) << "the victim was never stopped where a save has to wait for it";
}

// Rounds in which a thread that works on the same table gets no further; looks for no more than `most`.
template <class Table>
unsigned count_rounds_blocked(unsigned rounds, unsigned most, std::chrono::milliseconds bound) {
  TableRig<Table> rig;
  std::atomic<bool> stop{false};  // publishes nothing: threads are joined
  std::atomic<bool> has_begun{false};
  std::thread victim([&] {
    has_begun.store(true, std::memory_order_relaxed);
    while (!stop) rig.receive_and_complete();
  });
  Crowd other({[&](Member& self) {
    while (!stop) rig.receive_and_complete(&self);
  }});
  EXPECT_TRUE(await([&] { return has_begun.load(std::memory_order_relaxed) && other.done() > 0; }));
  std::mt19937 random(2);
  unsigned blocked = 0;
  for (unsigned round = 0; round < rounds && blocked < most; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    stop_it(victim);
    const std::uint64_t done = other.done();
    if (!await([&] { return other.done() >= done + kOperations; }, bound)) ++blocked;
    go_on();
  }
  stop = true;
  victim.join();
  return blocked;
}

TEST(ParkAnywhere, TheTableHasNoLockAndOneThatHasIsFoundOut) {
  const Signals signals;
  EXPECT_EQ(count_rounds_blocked<EngineTable>(100, 1, kBlockedAfter), 0u);
  // Negative control: the bound may be short, because blocked is what they have to be.
  EXPECT_EQ(count_rounds_blocked<MutexTable>(10'000, 1, std::chrono::milliseconds(500)), 1u);
}

}  // namespace
}  // namespace vmbsave::test
