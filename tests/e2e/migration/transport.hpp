// transport.hpp: a channel's way to the guest, over its rings in shared memory.
#pragma once

#include <atomic>
#include <mutex>

#include "e2e/migration/shared.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::migration {

class Transport {
 public:
  // reissued: of all channels, restored requests that are carried out again and have no answer yet. A packet that is
  // taken meanwhile is a complaint.
  Transport(Shared& shared, std::uint32_t channel, const std::atomic<std::uint64_t>& reissued)
      : shared_(shared), rings_(shared.channels[channel]), reissued_(reissued) {}
  Transport(const Transport&) = delete;

  NTSTATUS open(VMBCHANNEL channel);
  bool has_work() const noexcept { return rings_.to_host.peek() != nullptr; }
  // Until then a packet that is taken is a complaint too.
  void allow_new() noexcept { new_allowed_.store(true); }
  std::uint64_t delivered() const noexcept { return delivered_.load(); }

 private:
  NTSTATUS peek(VMBS_INCOMING_PACKET& packet);
  void consume();
  void send_completion(std::uint64_t transaction_id, const void* buffer, std::uint32_t length);

  Shared& shared_;
  SharedChannel& rings_;
  const std::atomic<std::uint64_t>& reissued_;
  std::atomic<bool> new_allowed_{};
  std::atomic<std::uint64_t> delivered_{};
  std::mutex sending_;  // of this process alone
  Submission taken_{};  // private copy of what peek found
  std::array<std::uint64_t, 1 + VMBS_VSP_MAX_PAGES> range_{};
};

}  // namespace vmbsave::migration
