// A vNIC of two channels at full speed: guests that send and answer, a network that settles, completes and delivers on
// threads of its own, and saves all the while.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "unit/netvsp_endpoint.hpp"

namespace vmbsave::netvsp {
namespace {

constexpr std::uint64_t kFrames = 1000;  // of each direction on each channel

// A channel, its guest on a thread of its own, and the network's two threads: one for each direction.
class Lane {
 public:
  Lane(const Device& device, PDEVICE_OBJECT parent, std::uint64_t first_record)
      : device_(device), line_({}, parent), backend_{this, on_submit, device.get()}, first_record_(first_record) {
    EXPECT_EQ(vsp().configure(line_.channel(), &backend_), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelEnable(line_.channel()), STATUS_SUCCESS);
    line_.start();
  }
  ~Lane() { vsp().release(line_.channel()); }

  VMBCHANNEL channel() const { return line_.channel(); }

  void run() {
    threads_.emplace_back([this] { run_guest(); });
    threads_.emplace_back([this] { run_network(); });
    threads_.emplace_back([this] { run_deliveries(); });
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    EXPECT_EQ(told_.size(), kFrames);
    EXPECT_EQ(received_, kFrames);
  }

 private:
  static void on_submit(void* context, VMBPACKET packet, UINT64 transaction_id) {
    auto* const self = static_cast<Lane*>(context);
    const std::lock_guard lock(self->mutex_);
    self->submitted_.push_back({packet, transaction_id});
  }

  static bool is_dropped(std::uint64_t transaction_id) { return transaction_id % 3 == 0; }
  static std::uint32_t frame_bytes(std::uint64_t record) {
    return record % 7 == 0 ? 9000 : 60 + static_cast<std::uint32_t>(record % 1400);
  }

  void run_guest() {
    for (std::uint64_t sent = 0; sent < kFrames || told_.size() < kFrames || received_ < kFrames;) {
      if (sent < kFrames && held_.size() < 32) send(first_record_ + sent++);
      (void)line_.guest().signal();
      take();
      std::this_thread::yield();
    }
  }

  void send(std::uint64_t record) {
    const VMBS_VSP_PACKET packet = encoded(device_, transmit(record, frame_bytes(record)));
    held_[record + 1] = packet.held;
    while (!bench::send(line_.guest(), record + 1, packet)) {
      (void)line_.guest().signal();
      std::this_thread::yield();
    }
  }

  void take() {
    while (const auto packet = line_.guest().receive()) {
      const auto* const bytes = reinterpret_cast<const UINT8*>(packet->payload.data());
      const auto length = static_cast<UINT32>(packet->payload.size());
      if (packet->kind == guest::Received::Kind::kCompletion) {
        take_completion(packet->transaction_id, bytes, length);
      } else {
        take_frame(packet->transaction_id, bytes, length);
      }
    }
  }

  void take_completion(std::uint64_t id, const UINT8* bytes, UINT32 length) {
    NTSTATUS status = STATUS_PENDING;
    EXPECT_EQ(vsp().outcome(bytes, length, &status), STATUS_SUCCESS);
    EXPECT_EQ(NT_SUCCESS(status), !is_dropped(id)) << "its true status";
    EXPECT_TRUE(told_.insert(id).second) << "completed twice";
    vsp().retire(device_.get(), held_.at(id));
    held_.erase(id);
  }

  // Frames of a channel come in order.
  void take_frame(std::uint64_t id, const UINT8* bytes, UINT32 length) {
    const std::uint64_t record = first_record_ + received_++;
    VMBS_VSP_REQUEST expected = receive(record, frame_bytes(record));
    EXPECT_EQ(vsp().accept(device_.get(), bytes, length, &expected), STATUS_SUCCESS) << "nobody else wrote to it";
    UINT8 answer[VMBS_VSP_MAX_INLINE];
    const UINT32 answer_bytes = vsp().answer(answer);
    while (!line_.guest().complete(id, std::as_bytes(std::span(answer, answer_bytes)))) {
      (void)line_.guest().signal();
      std::this_thread::yield();
    }
  }

  void run_network() {
    for (std::uint64_t completed = 0; completed < kFrames;) {
      std::vector<Submission> batch;
      {
        const std::lock_guard lock(mutex_);
        batch.swap(submitted_);
      }
      for (const Submission& s : batch) {
        vsp().settle(s.packet, is_dropped(s.transaction_id) ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS);
      }
      std::this_thread::yield();
      for (const Submission& s : batch) vsp().complete(s.packet, STATUS_SUCCESS);
      completed += batch.size();
    }
  }

  void run_deliveries() {
    for (std::uint64_t i = 0; i < kFrames;) {
      const VMBS_VSP_REQUEST request = receive(first_record_ + i, frame_bytes(first_record_ + i));
      const NTSTATUS status = vsp().deliver(line_.channel(), &request);
      if (NT_SUCCESS(status)) {
        ++i;
      } else {
        EXPECT_TRUE(status == STATUS_DEVICE_BUSY || status == STATUS_QUOTA_EXCEEDED) << status;
        std::this_thread::yield();
      }
    }
  }

  const Device& device_;
  bench::Line line_;
  const VMBS_VSP_BACKEND backend_;
  const std::uint64_t first_record_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::vector<Submission> submitted_;
  // The guest's own.
  std::map<std::uint64_t, std::uint32_t> held_;
  std::set<std::uint64_t> told_;
  std::uint64_t received_ = 0;
};

void save_both(VMBCHANNEL a, VMBCHANNEL b) {
  ASSERT_EQ(VmbChannelSaveBegin(a), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(b), STATUS_SUCCESS);
  const Image images[] = {read_image(a), read_image(b)};
  for (const Image& image : images) EXPECT_FALSE(image.empty());
  VmbChannelSaveEnd(a);
  VmbChannelSaveEnd(b);
}

TEST(LiveVnic, EachFrameIsThereOnceWhateverIsSaved) {
  const Device device;
  char parent = 0;
  auto* const of = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  {
    Lane a(device, of, 0), b(device, of, 1'000'000);
    std::atomic<bool> stop = false;
    std::atomic<unsigned> saves = 0;
    std::thread saver([&] {
      while (!stop) {
        save_both(a.channel(), b.channel());
        ++saves;
        std::this_thread::yield();
      }
    });
    while (saves == 0) std::this_thread::yield();
    a.run();
    b.run();
    a.join();
    b.join();
    EXPECT_GT(saves, 1u) << "beside the traffic";
    stop = true;
    saver.join();
    EXPECT_EQ(device->send_sections.taken(), 0u);
  }
  EXPECT_EQ(device->receive_sections.taken(), 0u);
}

// Takes and gives of many at once: no section belongs to two, and what its owner writes to it is ordered by the map
// alone.
TEST(LiveSections, NobodyHasASectionThatIsTaken) {
  SectionMap<170> map;
  std::vector<std::uint32_t> owners(170);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&map, &owners, t] {
      for (std::uint32_t round = 0; round < 5000; ++round) {
        const std::uint32_t count = 1 + (round * t) % 7;
        const std::uint32_t first = map.take(count);
        if (first == kNoSection) continue;
        for (std::uint32_t i = first; i < first + count; ++i) EXPECT_EQ(std::exchange(owners[i], t), 0u);
        for (std::uint32_t i = first; i < first + count; ++i) EXPECT_EQ(std::exchange(owners[i], 0u), t);
        map.give(first, count);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(map.taken(), 0u);
}

}  // namespace
}  // namespace vmbsave::netvsp
