// A guest at full speed, a VSP that completes on a thread of its own, and saves all the while, through the C face and
// the rings.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// Handed over from ProcessPacket to the VSP's thread.
class Backlog {
 public:
  void push(VMBPACKET packet) {
    const std::lock_guard lock(mutex_);
    packets_.push_back(packet);
  }
  std::vector<VMBPACKET> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(packets_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<VMBPACKET> packets_;
};

// What the guest knows: which requests it has sent, and which have come back.
class Ledger {
 public:
  void sent(UINT64 id) {
    const std::lock_guard lock(mutex_);
    last_sent_ = id;
  }
  void completed(UINT64 id) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(completed_.insert(id).second) << "completed twice";
    EXPECT_LE(id, last_sent_);
  }
  std::set<UINT64> completed() const {
    const std::lock_guard lock(mutex_);
    return completed_;
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return completed_.size();
  }

 private:
  mutable std::mutex mutex_;
  UINT64 last_sent_ = 0;
  std::set<UINT64> completed_;
};

class LiveGuest : public testing::TestWithParam<UINT32> {};

// Every request is completed once; an image holds no request that had come back before its cut, and none twice.
TEST_P(LiveGuest, EachRequestIsCompletedOnceWhateverIsSaved) {
  constexpr UINT64 kRequests = 2000;
  Endpoint source({.quota = GetParam(), .rings = {.to_host_pages = 3, .to_guest_pages = 3}});
  Backlog backlog;
  Ledger ledger;
  std::atomic<bool> stop = false;
  source.on_process = [&](VMBPACKET packet, PVOID buffer, UINT32, UINT32) {
    *static_cast<Request*>(VmbsPacketGetClientContext(packet)) = *static_cast<const Request*>(buffer);
    backlog.push(packet);
  };
  std::thread vsp([&] {
    while (!stop) {
      for (const VMBPACKET packet : backlog.take()) VmbChannelPacketComplete(packet, nullptr, 0);
      std::this_thread::yield();
    }
  });
  unsigned saves = 0;
  std::size_t saved = 0;
  std::thread saver([&] {
    while (!stop) {
      const std::set<UINT64> before = ledger.completed();
      EXPECT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
      Bytes image;
      EXPECT_EQ(save_continue(source.channel, &image), STATUS_SUCCESS);
      VmbChannelSaveEnd(source.channel);
      Endpoint destination({.start = false, .open = false, .quota = GetParam()});
      EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
      for (const UINT64 id : destination.restored_ids) EXPECT_FALSE(before.contains(id)) << id;
      saved += destination.restored_ids.size();
      ++saves;
    }
  });
  for (UINT64 next = 1; ledger.count() < kRequests;) {
    const Request request{static_cast<UINT32>(next % 100), static_cast<UINT32>(next)};
    if (next <= kRequests) ledger.sent(next);
    if (next <= kRequests && source.guest->send(next, std::as_bytes(std::span(&request, 1)), true)) ++next;
    if (source.guest->host_work_due()) (void)source.guest->signal();
    while (const auto packet = source.guest->receive()) ledger.completed(packet->transaction_id);
  }
  stop = true;
  vsp.join();
  saver.join();
  EXPECT_EQ(ledger.count(), kRequests);
  EXPECT_GT(saves, 0u);
  RecordProperty("saves", static_cast<int>(saves));
  RecordProperty("packets_saved", static_cast<int>(saved));
}

INSTANTIATE_TEST_SUITE_P(Quota, LiveGuest, testing::Values(3, 64));

}  // namespace
}  // namespace vmbsave::test
