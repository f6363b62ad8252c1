// live_host.hpp: the host's side of the scenario "live": the channels of one VM with a VSP behind each, and a disk
// behind them all.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "save/session.hpp"
#include "scenarios/live/disk_ring.hpp"
#include "scenarios/live/first_fault.hpp"
#include "scenarios/live/live_requests.hpp"
#include "scenarios/live/standings.hpp"
#include "vmbsave/guest.hpp"
#include "vmbsave/kmcl_ext.h"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

class LiveHost {
 public:
  // memory: a page for each slot of the guest's. Throws RingRefused where there is no io_uring,
  // std::runtime_error if a call of the library fails. `requests` and `fault` outlive it.
  LiveHost(const LiveSpec& spec, const LiveRequests& requests, int disk, std::byte* memory, FirstFault& fault);
  ~LiveHost();
  LiveHost(const LiveHost&) = delete;

  guest::Guest& guest(std::uint32_t channel) noexcept { return *guests_[channel]; }
  save::SaveSession& session() const;
  const Standings& standings() const noexcept { return standings_; }

  // The VSP's thread: takes requests from the rings to the disk, and what the disk has done back to the guest. Until
  // stop() was called and nothing is under way on the disk.
  void serve();
  // Any thread, after a save: what it kept in the rings is looked at again. By the C face the library itself would ask.
  void go_on() noexcept { look_again_.store(true, std::memory_order_release); }  // the save's end, for serve()
  void stop() noexcept { stop_.store(true, std::memory_order_relaxed); }

  std::uint64_t answered() const noexcept { return answered_; }  // after serve()

 private:
  struct UnderWay {
    VMBPACKET packet;
    std::uint64_t transaction_id;
    iovec page;
  };

  void add_channel(std::uint32_t number);
  void wait_for_disk() noexcept;
  bool take_requests();
  bool take_completions();
  static VOID on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id);
  void start(VMBPACKET packet, std::uint64_t transaction_id);
  void finish(UnderWay& request, int result);
  void answer(VMBPACKET packet, std::uint64_t transaction_id, NTSTATUS status);

  const LiveSpec spec_;
  const LiveRequests& requests_;
  const VMBS_VSP& vsp_;
  const VMBS_VSP_BACKEND backend_;
  const int disk_;
  std::byte* const memory_;
  FirstFault& fault_;
  DiskRing ring_;
  Standings standings_;
  std::vector<UnderWay> requests_under_way_;  // by slot
  std::uint32_t on_disk_ = 0;                 // of these
  std::uint64_t answered_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<bool> look_again_{false};
  char parent_ = 0;  // its address makes the channels one VM
  std::vector<std::unique_ptr<guest::Guest>> guests_;
  std::vector<VMBCHANNEL> channels_;
};

}  // namespace vmbsave::bench
