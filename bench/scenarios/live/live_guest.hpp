// live_guest.hpp: the guests of the scenario "live", one a channel, all played by one thread: a closed loop of reads
// and writes, each timed, each answer checked.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "scenarios/live/first_fault.hpp"
#include "scenarios/live/live_host.hpp"
#include "scenarios/live/live_requests.hpp"
#include "scenarios/live/live_result.hpp"
#include "scenarios/live/stamps.hpp"
#include "scenarios/save_under_load/save_flag.hpp"
#include "scenarios/save_under_load/ticks.hpp"

namespace vmbsave::bench {

class LiveGuest {
 public:
  // All that it is given outlives it. memory: as of LiveHost.
  LiveGuest(const LiveSpec& spec, const LiveRequests& requests, LiveHost& host, std::byte* memory,
            const SaveFlag& saving, FirstFault& fault);

  // The guest's thread: until stop() was called and all has come back, or there is a fault.
  void run();

  // ---- the saver's thread ----

  // What is sent and read from now on counts there; nullptr: nowhere. When it returns, the phase before is complete, or
  // there is a fault.
  void enter(LivePhase* phase);
  void stop() noexcept { stop_.store(true, std::memory_order_relaxed); }
  std::uint64_t completed() const noexcept { return completed_.load(std::memory_order_relaxed); }

  // ---- when it has ended ----

  std::uint64_t sent() const noexcept { return sent_; }
  std::uint64_t reads_checked() const noexcept { return reads_checked_; }
  std::uint64_t writes() const noexcept { return writes_; }
  // What each block of the disk must hold.
  const std::vector<Generation>& generations() const noexcept { return generations_; }

 private:
  struct Slot {
    std::uint64_t transaction_id = 0;  // 0: nothing is under way
    std::uint64_t block = 0;
    bool write = false;
    Generation generation = 0;   // of a write
    std::uint64_t sent_at = 0;   // ticks
    std::uint64_t save = 0;      // the SaveFlag, when it was sent
    LivePhase* phase = nullptr;  // likewise
  };

  std::byte* page(std::uint32_t slot) const noexcept { return memory_ + std::size_t{slot} * kLiveBlockBytes; }
  bool ended() const noexcept { return fault_.any() || (stopping_ && under_way_ == 0); }
  bool receive();
  void send(std::uint32_t slot);
  void take(std::uint32_t channel, const guest::Received& packet);
  void note_latency(const Slot& slot, std::uint64_t now);
  void check(const Slot& slot, std::uint32_t number, const guest::Received& packet);
  void change_phase();
  void wait_a_moment();

  const LiveSpec spec_;
  const LiveRequests& requests_;
  LiveHost& host_;
  std::byte* const memory_;
  const SaveFlag& saving_;
  FirstFault& fault_;
  const Ticks& clock_ = Ticks::clock();
  const VMBS_VSP& vsp_;
  std::vector<Slot> slots_;
  std::vector<Generation> generations_;
  std::vector<std::uint8_t> busy_;  // by block: a request that is under way lies on it
  Generation last_generation_ = 1;
  std::uint64_t serial_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t reads_checked_ = 0;
  std::uint64_t writes_ = 0;
  std::uint32_t under_way_ = 0;
  std::uint64_t last_heard_ = 0;  // ticks
  bool stopping_ = false;
  LivePhase* phase_ = nullptr;
  std::uint64_t phase_began_ = 0;  // ticks

  std::atomic<bool> stop_{false};
  std::atomic<LivePhase*> wanted_{nullptr};
  std::atomic<LivePhase*> entered_{nullptr};
  std::atomic<std::uint64_t> completed_{0};
};

}  // namespace vmbsave::bench
