// Saves of a running channel while VSP threads acquire and complete flat out. Each completion reaches the guest exactly
// once, and a save holds exactly what was neither completed before its cut nor received after it. Not a benchmark:
// sizes shrink under sanitizers.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "model/promise.hpp"
#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kPackets = 20'000;
#else
constexpr std::uint64_t kPackets = 200'000;
#endif

// Packets on their way from the thread that reads the ring to the one that completes them.
class Handover {
 public:
  void put(packet::Packet* packet) {
    const std::lock_guard lock(mutex_);
    packets_.push_back(packet);
  }
  packet::Packet* take(std::mt19937& random) {
    const std::lock_guard lock(mutex_);
    if (packets_.empty()) return nullptr;
    std::swap(packets_[random() % packets_.size()], packets_.back());
    packet::Packet* const packet = packets_.back();
    packets_.pop_back();
    return packet;
  }

 private:
  std::mutex mutex_;
  std::deque<packet::Packet*> packets_;
};

// A channel and what is promised about it. Ids count up per channel.
class Watch {
 public:
  explicit Watch(TestChannel& channel) {
    channel.on_received = [this](std::uint64_t id) { tell([&] { promise_.received(static_cast<Promise::Id>(id)); }); };
    channel.on_delivered = [this](std::uint64_t id) {
      tell([&] { promise_.delivered(static_cast<Promise::Id>(id)); });
    };
  }

  void cut() {
    tell([&] { promise_.cut(); });
  }
  void image(const std::vector<SavedPacket>& saved, std::size_t channel) {
    std::vector<Promise::Id> ids;
    for (const SavedPacket& packet : saved) {
      if (packet.channel == channel) ids.push_back(static_cast<Promise::Id>(packet.id));
    }
    tell([&] { promise_.image(ids); });
  }
  void resume() {
    tell([&] { promise_.resume(); });
  }
  void discard() {
    tell([&] { promise_.discard(); });
  }
  void finished() {
    tell([&] { promise_.finished(); });
  }
  std::uint64_t deliveries() {
    const std::lock_guard lock(mutex_);
    return promise_.deliveries();
  }

 private:
  template <class F>
  void tell(F&& event) {
    const std::lock_guard lock(mutex_);
    event();
  }

  std::mutex mutex_;
  Promise promise_{[](const std::string& what) { ADD_FAILURE() << what; }};
};

struct Traffic {
  TestVm vm{2, {.capacity = 100, .result_bytes = 8}};
  Watch watch[2]{Watch(vm[0]), Watch(vm[1])};
  Handover handover[2];
  std::atomic<std::uint64_t> completed{0};
  std::atomic<bool> stop{false};

  // The one thread that reads both rings. Ids rise per channel.
  void read_rings() {
    std::uint64_t next[2] = {0, 0};
    while (next[0] + next[1] < kPackets && !stop) {
      for (std::size_t c = 0; c < 2; ++c) {
        if (packet::Packet* const packet = vm[c].receive(next[c], static_cast<std::uint32_t>(next[c] % 3 * 20))) {
          ++next[c];
          handover[c].put(packet);
        } else {
          std::this_thread::yield();
        }
      }
    }
    received[0] = next[0];
    received[1] = next[1];
    stop = true;
  }

  void complete_packets(unsigned seed) {
    std::mt19937 random(seed);
    for (std::size_t c = seed % 2;; c = 1 - c) {
      packet::Packet* const packet = handover[c].take(random);
      if (packet != nullptr) {
        const auto id = static_cast<std::uint8_t>(packet->transaction_id);
        ASSERT_EQ(vm[c].complete(packet, id), Status::kSuccess);
        ++completed;
      } else if (stop && completed == received[0] + received[1]) {
        return;
      } else {
        std::this_thread::yield();
      }
    }
  }

  // Lets the channel run a little: saves back to back would leave it paused nearly always.
  void await_progress() {
    const std::uint64_t target = completed + 20;
    while (completed < target && !stop) std::this_thread::yield();
  }

  std::atomic<std::uint64_t> received[2] = {};
};

// Every packet received was delivered once, with its own result.
void expect_each_once(Traffic& traffic, std::size_t c) {
  traffic.watch[c].finished();
  EXPECT_EQ(traffic.watch[c].deliveries(), traffic.received[c]);
  for (const Completion& completion : traffic.vm[c].completions()) {
    ASSERT_EQ(completion.result, std::vector<std::uint8_t>{static_cast<std::uint8_t>(completion.transaction_id)});
  }
  EXPECT_TRUE((*traffic.vm[c]).table().valid());
}

void run_traffic(Executor* executor) {
  Traffic traffic;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { traffic.read_rings(); });
  threads.emplace_back([&] { traffic.complete_packets(1); });
  threads.emplace_back([&] { traffic.complete_packets(2); });
  std::uint64_t saves = 0;
  std::uint64_t next_check = 0;
  while (!traffic.stop) {
    ASSERT_EQ(traffic.vm.session.begin({.executor = executor}), Status::kSuccess);
    for (Watch& watch : traffic.watch) watch.cut();
    ASSERT_EQ(traffic.vm.session.save(), Status::kSuccess);
    const auto saved = packets_of(image_of(traffic.vm));
    if (traffic.completed >= next_check) {
      for (std::size_t c = 0; c < 2; ++c) traffic.watch[c].image(saved, c);
      next_check = traffic.completed + kPackets / 20;
    }
    for (Watch& watch : traffic.watch) watch.resume();
    traffic.vm.session.end(EndMode::kResume);
    traffic.await_progress();
    ++saves;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(saves, 0u);
  EXPECT_EQ(traffic.vm.in_use(), 0u);
  for (std::size_t c = 0; c < 2; ++c) expect_each_once(traffic, c);
}

TEST(Traffic, SerialSavesOfARunningChannel) { run_traffic(nullptr); }

TEST(Traffic, ParallelSavesOfARunningChannel) {
  const auto executor = make_thread_executor(2);
  run_traffic(executor.get());
}

// Discards while completions race with them: none is delivered after the cut, and none twice.
TEST(Traffic, DiscardsDeliverNothingAfterTheCut) {
  for (int round = 0; round < 200; ++round) {
    TestVm vm(1, {.capacity = 42, .result_bytes = 8});
    Watch watch(vm[0]);
    std::vector<packet::Packet*> packets;
    for (std::uint64_t id = 0; id < 42; ++id) packets.push_back(vm[0].receive(id, 4));
    std::atomic<std::uint64_t> refused{0};
    std::thread completer([&] {
      for (packet::Packet* const packet : packets) {
        if (vm[0].complete(packet) != Status::kSuccess) ++refused;
      }
    });
    ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
    watch.cut();
    ASSERT_EQ(vm.session.save(), Status::kSuccess);
    const std::vector<SavedPacket> saved = packets_of(image_of(vm));
    watch.image(saved, 0);
    watch.discard();
    vm.session.end(EndMode::kDiscard);
    completer.join();
    watch.finished();
    ASSERT_EQ(watch.deliveries() + saved.size(), 42u) << "a packet was delivered or saved, and one of the two";
    ASSERT_LE(refused, saved.size());
    ASSERT_EQ(vm.in_use(), 0u);
  }
}

// begin gives up at once whenever a slot is in transit; no completion may be lost by that.
TEST(Traffic, SavesThatGiveUpLoseNothing) {
  Traffic traffic;
  for (std::size_t c = 0; c < 2; ++c) traffic.vm[c].slow_delivery = true;
  std::uint64_t given_up = 0;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { traffic.read_rings(); });
  threads.emplace_back([&] { traffic.complete_packets(1); });
  threads.emplace_back([&] { traffic.complete_packets(2); });
  while (!traffic.stop) {
    const Status status = traffic.vm.session.begin({.deadline_ns = 1});
    ASSERT_TRUE(status == Status::kSuccess || status == Status::kIoTimeout);
    if (status == Status::kSuccess) {
      for (Watch& watch : traffic.watch) watch.cut(), watch.resume();  // nothing was delivered in between
    } else {
      ++given_up;
    }
    traffic.vm.session.end(EndMode::kResume);
    traffic.await_progress();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(traffic.vm.in_use(), 0u);
  for (std::size_t c = 0; c < 2; ++c) expect_each_once(traffic, c);
  EXPECT_GT(given_up, 0u) << "the test has tested nothing";
}

}  // namespace
}  // namespace vmbsave::test
