// A VMBus ring between threads: nothing is lost, and nobody sleeps for ever.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <semaphore>
#include <thread>

#include "unit/guest_ring_fixture.hpp"

namespace vmbsave::guest::test {
namespace {

// ---- Two threads at the same instant: what each of them shows, the other sees ----

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 20'000;
#else
constexpr int kRounds = 100'000;
#endif

// Runs `writer` and `reader` at once, on two threads, round after round; `check` in between.
void race(const std::function<void()>& prepare, const std::function<void()>& writer,
          const std::function<void()>& reader, const std::function<void()>& check) {
  std::atomic<int> go{0};
  std::atomic<int> done{0};
  const auto await = [](std::atomic<int>& word, int round) {
    for (unsigned i = 0; word != round; ++i) base::Atomic<int>::wait_round(i);
  };
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      await(go, round);
      for (volatile int delay = round % 61; delay > 0;) delay = delay - 1;
      reader();
      done = round;
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    prepare();
    go = round;
    for (volatile int delay = round % 67; delay > 0;) delay = delay - 1;
    writer();
    await(done, round);
    check();
  }
  other.join();
}

TEST(RingRace, ReaderThatGoesIdleIsSignalled) {
  TestRing ring(2);
  bool signalled = false;
  PeekStatus seen = PeekStatus::kEmpty;
  int lost = 0;
  race(
      [&] {  // its last packet is taken, and signals are still masked
        while (ring.peek() == PeekStatus::kPacket) ring.reader.consume();
        ring.put(1, {});
        ASSERT_EQ(ring.peek(), PeekStatus::kPacket);
        ring.reader.consume();
      },
      [&] { signalled = ring.put(2, {}).signal_reader; }, [&] { seen = ring.peek(); },
      [&] { lost += seen == PeekStatus::kEmpty && !signalled ? 1 : 0; });
  EXPECT_EQ(lost, 0);
}

// Room for `bytes` only; the rest is set aside.
void leave(TestRing& ring, std::uint32_t bytes) { ASSERT_TRUE(ring.writer.reserve(4088 - bytes)); }

TEST(RingRace, WriterThatFindsTheRingFullIsSignalled) {
  TestRing ring(2);
  leave(ring, 24);
  Status status = Status::kWritten;
  bool told = false;
  int lost = 0;
  race(
      [&] {
        ring.put(1, {});
        ASSERT_EQ(ring.peek(), PeekStatus::kPacket);
      },
      [&] { status = ring.put(2, {}).status; }, [&] { told = ring.reader.consume(); },
      [&] {
        lost += status == Status::kFull && !told ? 1 : 0;
        ring.writer.room_came();
        if (ring.peek() == PeekStatus::kPacket) ring.reader.consume();
      });
  EXPECT_EQ(lost, 0);
}

TEST(RingRace, SmallerPacketThatFindsRoomLeavesTheOlderWaiterEntered) {
  TestRing ring(2);
  leave(ring, 48);
  const Bytes payload = pattern(24, 1);
  Status status = Status::kWritten;
  bool told = false;
  int lost = 0;
  race(
      [&] {
        ring.put(1, {});
        ring.put(2, {});
        ASSERT_EQ(ring.put(3, payload).status, Status::kFull);
        ASSERT_EQ(ring.peek(), PeekStatus::kPacket);
      },
      [&] { status = ring.put(4, {}).status; }, [&] { told = ring.reader.consume(); },
      [&] {
        if (status == Status::kFull) {
          lost += told ? 0 : 1;
        } else {
          lost += ring.control().pending_send_size.load_relaxed() == 4088 ? 0 : 1;
        }
        while (ring.peek() == PeekStatus::kPacket) ring.reader.consume();
        ring.writer.room_came();
      });
  EXPECT_EQ(lost, 0);
}

TEST(RingRace, RoomGivenBackWhileTheReaderTakesIsTold) {
  TestRing ring(2);
  leave(ring, 48);
  const Bytes payload = pattern(48, 1);
  bool told = false;
  bool came = false;
  int lost = 0;
  race(
      [&] {  // full; what is missing comes from both sides, half each
        ring.put(1, {});
        ring.put(2, {});
        ASSERT_EQ(ring.put(3, payload).status, Status::kFull);
        ASSERT_EQ(ring.peek(), PeekStatus::kPacket);
        ring.reader.consume();
        ASSERT_EQ(ring.peek(), PeekStatus::kPacket);
      },
      [&] { came = ring.writer.release(24); }, [&] { told = ring.reader.consume(); },
      [&] {
        lost += came || told ? 0 : 1;
        ring.writer.room_came();
        ASSERT_TRUE(ring.writer.reserve(24));
      });
  EXPECT_EQ(lost, 0);
}

// ---- Two threads that sleep ----

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kPackets = 50'000;
#else
constexpr std::uint64_t kPackets = 200'000;
#endif

constexpr auto kLost = std::chrono::seconds(20);  // a wake-up that has not come by then never will

std::size_t length_of(std::uint64_t id) { return id % 97 * 11 % 700; }

// Each side sleeps when it has nothing to do, and goes on only when the other side was told to signal it.
struct Sleepers {
  TestRing ring{2};
  std::counting_semaphore<> packet_came{0};
  std::counting_semaphore<> room_came{0};
  std::atomic<bool> failed{false};

  bool sleep(std::counting_semaphore<>& wake_up) {
    if (wake_up.try_acquire_for(kLost)) return !failed;
    if (!failed.exchange(true)) ADD_FAILURE() << "a wake-up was lost";
    return false;
  }

  bool wait_for_packet(ParsedPacket& packet) {
    for (;;) {
      const PeekStatus status = ring.reader.peek(packet);
      if (status == PeekStatus::kPacket) return true;
      if (status == PeekStatus::kMalformed) {
        ADD_FAILURE() << "malformed";
        return false;
      }
      if (!sleep(packet_came)) return false;
    }
  }

  // Gives how many were read.
  std::uint64_t read(std::uint64_t count, const std::function<void(const ParsedPacket&)>& check) {
    for (std::uint64_t i = 0; i < count; ++i) {
      ParsedPacket packet;
      if (!wait_for_packet(packet)) return i;
      check(packet);
      if (ring.reader.consume() && ring.writer.room_came()) room_came.release();
    }
    return count;
  }

  bool write(const OutgoingPacket& packet) {
    for (;;) {
      const PutResult result = ring.writer.put(packet);
      if (result.status == Status::kWritten) {
        if (result.signal_reader) packet_came.release();
        return true;
      }
      if (!sleep(room_came)) return false;
    }
  }
};

TEST(RingThreads, OneWriterOneReaderLoseNothingAndSleepInTime) {
  Sleepers both;
  std::thread writer([&] {
    for (std::uint64_t id = 0; id < kPackets; ++id) {
      const Bytes payload = pattern(length_of(id), id);
      if (!both.write({.transaction_id = id, .payload = payload})) return;
    }
  });
  std::uint64_t next = 0;
  const std::uint64_t count = both.read(kPackets, [&](const ParsedPacket& packet) {
    if (packet.transaction_id != next || to_bytes(packet.payload) != padded(pattern(length_of(next), next))) {
      both.failed = true;
      FAIL() << "packet " << next;
    }
    ++next;
  });
  EXPECT_EQ(count, kPackets);
  both.room_came.release();
  writer.join();
}

// As between a guest and a host that answers each packet at once: the smallest rings, of one packet each, so that every
// packet makes one side wait for room or for a packet.
TEST(RingThreads, RingOfOnePacketHandsOverEachOne) {
  Sleepers both;
  const Bytes payload = pattern(4088 - 24, 5);
  std::thread writer([&] {
    for (std::uint64_t id = 0; id < kPackets / 4; ++id) {
      if (!both.write({.transaction_id = id, .payload = payload})) return;
    }
  });
  std::uint64_t next = 0;
  EXPECT_EQ(both.read(kPackets / 4, [&](const ParsedPacket& packet) { EXPECT_EQ(packet.transaction_id, next++); }),
            kPackets / 4);
  both.room_came.release();
  writer.join();
}

// Three threads: two answer in room that was set aside, one sends beyond it. Room comes from the reader and from what
// is given back.
TEST(RingThreads, SeveralWritersShareTheRoom) {
  Sleepers both;
  constexpr std::uint64_t kEach = kPackets / 8;
  constexpr std::uint32_t kResult = 512;
  const auto told = [&](const PutResult& result) {
    if (result.signal_reader) both.packet_came.release();
    if (result.room_came) both.room_came.release(3);
  };
  const auto answer = [&](std::uint64_t first) {
    for (std::uint64_t i = 0; i < kEach; ++i) {
      while (!both.ring.writer.reserve(ring_bytes(kResult))) {
        if (!both.sleep(both.room_came)) return;
      }
      const Bytes payload = pattern(i % kResult, i);
      told(both.ring.writer.put_reserved(
          ring_bytes(kResult), {.type = PacketType::kCompletion, .transaction_id = first + i, .payload = payload}));
    }
  };
  std::thread threads[] = {std::thread(answer, 0), std::thread(answer, kEach), std::thread([&] {
                             for (std::uint64_t i = 0; i < kEach; ++i) {
                               const Bytes payload = pattern(i % 600, i);
                               if (!both.write({.transaction_id = 2 * kEach + i, .payload = payload})) return;
                             }
                           })};
  std::uint64_t next[3] = {};
  std::uint64_t got = 0;
  for (; got < 3 * kEach; ++got) {
    ParsedPacket packet;
    if (!both.wait_for_packet(packet)) break;
    const std::uint64_t from = packet.transaction_id / kEach;
    const std::uint64_t i = packet.transaction_id % kEach;
    const bool in_order = from < 3 && i == next[from]++;
    const bool is_same = to_bytes(packet.payload) == padded(pattern(i % (from == 2 ? 600 : kResult), i));
    if (!in_order || !is_same) {
      ADD_FAILURE() << "packet " << packet.transaction_id;
      both.failed = true;
      break;
    }
    if (both.ring.reader.consume() && both.ring.writer.room_came()) both.room_came.release(3);
  }
  EXPECT_EQ(got, 3 * kEach);
  both.room_came.release(1000);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(both.ring.writer.reserved_bytes(), 0u);
}

}  // namespace
}  // namespace vmbsave::guest::test
