// channel.hpp: what a VMBCHANNEL points to.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kmcl/vm.hpp"
#include "restore/channel_restore.hpp"
#include "vmbsave/kmcl_ext.h"

struct VMBCHANNEL__ {
  // kLeaving: VmbChannelDisable came during a save of the VM; disabled at its end.
  enum class State : std::uint8_t { kDisabled, kEnabled, kStarted, kLeaving };
  static constexpr std::uint32_t kLive = 0x434d4256;  // "VBMC"

  std::uint32_t magic = kLive;
  State state = State::kDisabled;
  vmbsave::kmcl::Vm* vm = nullptr;
  vmbsave::packet::ChannelConfig config;
  PFN_VMB_CHANNEL_PROCESS_PACKET process_packet = nullptr;
  PFN_VMB_CHANNEL_PROCESSING_COMPLETE processing_complete = nullptr;
  PVOID pointer = nullptr;

  // While enabled.
  std::unique_ptr<vmbsave::packet::Channel> channel;
  std::optional<vmbsave::restore::ChannelRestore> restore;

  bool restore_owed = false;  // a restore has begun and has not succeeded: no Start

  // Of earlier lives of the channel, empty: a VSP may still hold packets of theirs.
  std::vector<std::unique_ptr<vmbsave::packet::Channel>> retired;

  // While a save of this channel is open.
  bool saving = false;
  bool saved = false;        // SaveContinue has returned STATUS_SUCCESS
  std::uint32_t number = 0;  // in the VM
  std::uint64_t cursor = 0;  // bytes of the channel's stream that SaveContinue has written

  // Came while a save of the VM was open; carried out at its end.
  bool end_pending = false;
  bool disable_pending = false;
  bool discarded = false;  // its packets, though the VSP may hold them
  bool cleanup_pending = false;
};

namespace vmbsave::kmcl {

inline bool is_live(VMBCHANNEL channel) noexcept { return channel != nullptr && channel->magic == VMBCHANNEL__::kLive; }
inline bool is_configurable(VMBCHANNEL channel) noexcept {
  return is_live(channel) && channel->state == VMBCHANNEL__::State::kDisabled;
}
inline bool is_enabled(VMBCHANNEL channel) noexcept {
  return is_live(channel) &&
         (channel->state == VMBCHANNEL__::State::kEnabled || channel->state == VMBCHANNEL__::State::kStarted);
}
constexpr NTSTATUS to_ntstatus(Status status) noexcept { return static_cast<NTSTATUS>(status); }

// What of the library this thread is inside of, so that a call from a callback never waits for its own caller.
struct CallContext {
  const Vm* vm = nullptr;
  const VMBCHANNEL__* channel = nullptr;  // whose ProcessPacket or RestorePacket runs
  class Scope;
};
inline thread_local CallContext call_context;

class CallContext::Scope {
 public:
  explicit Scope(CallContext now) noexcept : before_(call_context) { call_context = now; }
  ~Scope() { call_context = before_; }
  Scope(const Scope&) = delete;

 private:
  const CallContext before_;
};

}  // namespace vmbsave::kmcl
