// A guest, a host and a VSP on threads of their own, each asleep until a signal wakes it, over rings of one page: a
// lost wake-up stops everything.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <semaphore>
#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr UINT64 kRequests = 10'000;
#else
constexpr UINT64 kRequests = 50'000;
#endif
constexpr auto kLost = std::chrono::seconds(20);

// A thread's signal: as many as come before it looks are one.
class Signal {
 public:
  void raise() {
    if (!raised_.exchange(true)) semaphore_.release();
  }
  bool wait() {
    if (!semaphore_.try_acquire_for(kLost)) return false;
    raised_ = false;
    return true;
  }

 private:
  std::atomic<bool> raised_{false};
  std::counting_semaphore<> semaphore_{0};
};

struct Message {
  UINT64 id;
  UINT64 words[40];
};

UINT32 length_of(UINT64 id) { return static_cast<UINT32>(8 + id % 41 * 8); }
Message message_of(UINT64 id) {
  Message message{id, {}};
  for (std::size_t i = 0; i < std::size(message.words); ++i) message.words[i] = id * 1000 + i;
  return message;
}
bool is_message(UINT64 id, const void* bytes, std::size_t length) {
  const Message message = message_of(id);
  return length == length_of(id) && std::memcmp(bytes, &message, length) == 0;
}

// What ProcessPacket hands to the VSP's threads.
class Backlog {
 public:
  void push(VMBPACKET packet) {
    {
      const std::lock_guard lock(mutex_);
      packets_.push_back(packet);
    }
    there_.release();
  }
  VMBPACKET take() {  // NULL: the end
    there_.acquire();
    const std::lock_guard lock(mutex_);
    const VMBPACKET packet = packets_.back();
    packets_.pop_back();
    return packet;
  }

 private:
  std::mutex mutex_;
  std::vector<VMBPACKET> packets_;
  std::counting_semaphore<> there_{0};
};

class LiveGuestTest : public testing::Test {
 protected:
  LiveGuestTest() {
    endpoint_.on_process = [this](VMBPACKET packet, PVOID buffer, UINT32 length, UINT32) {
      const UINT64 id = VmbsPacketGetTransactionId(packet);
      if (!is_message(id, buffer, length)) fail("a request arrived damaged");
      backlog_.push(packet);
    };
    endpoint_.guest->on_interrupt([this] { interrupt_.raise(); });
    endpoint_.guest->on_host_work([this] { host_work_.raise(); });
    EXPECT_EQ(endpoint_.guest->open(endpoint_.channel), STATUS_SUCCESS);
    VmbChannelStart(endpoint_.channel);
  }

  void fail(const char* what) {
    if (!failed_.exchange(true)) ADD_FAILURE() << what;
    interrupt_.raise();
    host_work_.raise();
  }

  void run_host() {
    while (!done_ && !failed_) {
      if (!host_work_.wait() && !done_) fail("the host was not signalled");
      endpoint_.guest->signal(30);
    }
  }

  // Answers each request with its own bytes.
  void run_vsp() {
    while (const VMBPACKET packet = backlog_.take()) {
      const UINT64 id = VmbsPacketGetTransactionId(packet);
      Message message = message_of(id);
      VmbChannelPacketComplete(packet, &message, length_of(id));
    }
  }

  // Sends kMessages packets of the VSP's own, of which the guest answers each.
  void run_sender() {
    for (UINT64 i = 0; i < kMessages && !failed_;) {
      const VMBPACKET packet = VmbPacketAllocate(endpoint_.channel);
      if (packet == nullptr) {
        std::this_thread::yield();
        continue;
      }
      VmbPacketSetCompletionRoutine(packet, [](VMBPACKET sent, NTSTATUS status, PVOID buffer, UINT32 length) {
        auto& self = *static_cast<LiveGuestTest*>(VmbPacketGetPointer(sent));
        UINT64 id = 0;
        if (length >= sizeof id) std::memcpy(&id, buffer, sizeof id);
        if (status != STATUS_SUCCESS || !is_message(id, buffer, length)) self.fail("an answer arrived damaged");
        VmbPacketFree(sent);
        ++self.answers_;
      });
      VmbPacketSetPointer(packet, this);
      Message message = message_of(i++);
      if (VmbPacketSend(packet, &message, length_of(message.id), nullptr,
                        VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION) != STATUS_SUCCESS) {
        fail("a packet was not sent");
      }
    }
  }

  void run_guest() {
    UINT64 next = 1;
    UINT64 messages = 0;
    std::vector<bool> completed(kRequests + 1);
    std::vector<std::pair<UINT64, UINT64>> to_answer;  // transaction ids, and the messages they travelled with
    for (UINT64 left = kRequests + kMessages; left != 0 && !failed_;) {
      bool worked = false;
      for (; next <= kRequests && send_request(next); ++next) worked = true;
      while (!to_answer.empty() && answer(to_answer.back())) {
        to_answer.pop_back();
        --left;
        worked = true;
      }
      while (const auto packet = endpoint_.guest->receive()) {
        worked = true;
        if (packet->kind == guest::Received::Kind::kCompletion) {
          const UINT64 id = packet->transaction_id;
          if (id == 0 || id > kRequests || completed[id]) return fail("a completion of nothing");
          if (!is_message(id, packet->payload.data(), packet->payload.size())) return fail("a completion was damaged");
          completed[id] = true;
          --left;
        } else {
          if (!is_message(messages, packet->payload.data(), packet->payload.size())) return fail("out of order");
          to_answer.emplace_back(packet->transaction_id, messages++);
        }
      }
      if (!worked && !interrupt_.wait()) fail("the guest was not interrupted");
    }
  }
  bool send_request(UINT64 id) {
    const Message message = message_of(id);
    return endpoint_.guest->send(id, std::as_bytes(std::span(&message, 1)).first(length_of(id)), true);
  }
  bool answer(const std::pair<UINT64, UINT64>& packet) {
    const Message message = message_of(packet.second);
    return endpoint_.guest->complete(packet.first,
                                     std::as_bytes(std::span(&message, 1)).first(length_of(packet.second)));
  }

  static constexpr UINT64 kMessages = kRequests / 4;
  Endpoint endpoint_{{.start = false,
                      .open = false,
                      .quota = 64,
                      .maximum_sends = 10,
                      .maximum_packet = sizeof(Message),
                      .rings = {.to_host_pages = 2, .to_guest_pages = 2}}};
  Backlog backlog_;
  Signal interrupt_;
  Signal host_work_;
  std::atomic<bool> done_{false};
  std::atomic<bool> failed_{false};
  std::atomic<UINT64> answers_{0};
};

TEST_F(LiveGuestTest, NobodyIsLeftAsleep) {
  std::thread host([this] { run_host(); });
  std::thread vsp[] = {std::thread([this] { run_vsp(); }), std::thread([this] { run_vsp(); })};
  std::thread sender([this] { run_sender(); });
  run_guest();
  sender.join();
  for (unsigned i = 0; i < 20'000 && answers_ != kMessages && !failed_; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(answers_, kMessages);
  for (std::size_t i = 0; i < std::size(vsp); ++i) backlog_.push(nullptr);
  for (std::thread& thread : vsp) thread.join();
  EXPECT_EQ(endpoint_.guest->counters().to_guest_reserved, 0u);
  done_ = true;
  host_work_.raise();
  host.join();
  EXPECT_EQ(endpoint_.guest->close(), STATUS_SUCCESS);
}

}  // namespace
}  // namespace vmbsave::test
