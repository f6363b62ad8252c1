// channel.hpp: what a VMBCHANNEL points to.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/atomic.hpp"
#include "kmcl/external_data.hpp"
#include "kmcl/gate.hpp"
#include "kmcl/send_queue.hpp"
#include "kmcl/vm.hpp"
#include "restore/channel_restore.hpp"
#include "vmbsave/kmcl_ext.h"

struct VMBCHANNEL__ {
  // kLeaving: it was disabled during a save of the VM, and goes at its end.
  enum class State : std::uint8_t { kDisabled, kEnabled, kLeaving };
  static constexpr std::uint32_t kLive = 0x434d4256;  // "VMBC"

  // Since Enable.
  struct Counters {
    vmbsave::base::Atomic<std::uint64_t> received;
    vmbsave::base::Atomic<std::uint64_t> batches;
    vmbsave::base::Atomic<std::uint64_t> sent;
    vmbsave::base::Atomic<std::uint64_t> answered;
    vmbsave::base::Atomic<std::uint64_t> stray_completions;
    vmbsave::base::Atomic<std::uint64_t> quota_stops;
    vmbsave::base::Atomic<std::uint64_t> room_stops;
    vmbsave::base::Atomic<std::uint64_t> misuses;
    vmbsave::base::Atomic<std::uint64_t> sends_inside;  // refused: made by a SavePacket or a RestorePacket
  };

  std::uint32_t magic = kLive;
  vmbsave::base::Atomic<State> state{State::kDisabled};
  vmbsave::kmcl::Vm* vm = nullptr;
  PVOID pointer = nullptr;

  // What Init* sets.
  vmbsave::packet::ChannelConfig config{.sends = 256};
  vmbsave::kmcl::ExternalDataLimits external_limits;
  PFN_VMB_CHANNEL_PROCESS_PACKET process_packet = nullptr;
  PFN_VMB_CHANNEL_PROCESSING_COMPLETE processing_complete = nullptr;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS state_change{};
  vmbsave::base::Atomic<std::uint32_t> quota{4096};  // may be lowered below config.capacity, and raised again

  // While enabled. `life` is of `channel`, for threads that neither are inside the gate nor hold `changing`.
  std::mutex life;
  std::unique_ptr<vmbsave::packet::Channel> channel;
  std::optional<vmbsave::restore::ChannelRestore> restore;
  vmbsave::kmcl::ExternalData external_data;
  vmbsave::kmcl::SendQueue sends{*this};
  Counters counters;
  bool restore_owed = false;  // a restore has begun and has not succeeded: no Start
  // While a restore runs: completions of its packets that room is set aside for.
  vmbsave::base::Atomic<std::uint32_t> restored_room;

  // Open and started are the guest's and the VSP's; both together make the channel active. A change runs the VSP's
  // callbacks, one change at a time.
  std::mutex changing;
  bool started = false;
  vmbsave::base::Atomic<bool> open{};  // from here on `transport` may be used, until nothing is in use
  std::mutex opening;                  // a completion is held, or finds the channel open
  vmbsave::base::Atomic<bool> active{};
  vmbsave::base::Atomic<bool> queue_failed{};  // nothing comes in any more
  VMBS_TRANSPORT transport{};
  PVOID transport_context = nullptr;
  vmbsave::kmcl::Gate gate;                       // of the incoming queue
  vmbsave::packet::Packet* indicating = nullptr;  // whose ProcessPacket runs, and whether it asked for another call:
  bool indicate_again = false;                    // of the thread inside the gate
  bool deferred = false;                          // to PASSIVE_LEVEL, where it is already: once a packet

  // Of earlier lives of the channel, empty: a VSP may still hold packets of theirs.
  struct Retired {
    std::unique_ptr<vmbsave::packet::Channel> channel;
    vmbsave::kmcl::ExternalData external_data;
  };
  std::vector<Retired> retired;

  // While a save of this channel is open.
  bool saving = false;
  bool ran = false;              // SaveContinue has saved it, alone or with the others
  bool saved = false;            // SaveContinue has returned STATUS_SUCCESS
  std::uint32_t number = 0;      // in the VM
  std::uint32_t next_chunk = 0;  // of the channel's stream, for SaveContinue

  // Came while a save of the VM was open; carried out at its end.
  bool disable_pending = false;
  bool discarded = false;  // nothing of its packets is delivered, though the VSP may hold them
  bool cleanup_pending = false;
};

namespace vmbsave::kmcl {

inline bool is_live(VMBCHANNEL channel) noexcept { return channel != nullptr && channel->magic == VMBCHANNEL__::kLive; }
inline bool is_configurable(VMBCHANNEL channel) noexcept {
  return is_live(channel) && channel->state.load_relaxed() == VMBCHANNEL__::State::kDisabled;
}
inline bool is_enabled(VMBCHANNEL channel) noexcept {
  return is_live(channel) && channel->state.load_relaxed() == VMBCHANNEL__::State::kEnabled;
}
constexpr NTSTATUS to_ntstatus(Status status) noexcept { return static_cast<NTSTATUS>(status); }

// A callback or a wait of the library's that this thread is inside of, so that a call from there never waits for its
// own caller. They nest: a callback may call another channel, whose callbacks then run.
class CallScope {
 public:
  // channel: whose callback runs; nullptr: a transport's, in a begin or an end.
  CallScope(const Vm* vm, const VMBCHANNEL__* channel) noexcept : vm_(vm), channel_(channel), outer_(innermost_) {
    innermost_ = this;
  }
  ~CallScope() { innermost_ = outer_; }
  CallScope(const CallScope&) = delete;

  static bool of_vm(const Vm* vm) noexcept {
    return any([vm](const CallScope& scope) { return scope.vm_ == vm; });
  }
  static bool of_channel(const VMBCHANNEL__* channel) noexcept {
    return any([channel](const CallScope& scope) { return scope.channel_ == channel; });
  }
  static bool of_save(const Vm* vm) noexcept {
    return any([vm](const CallScope& scope) { return scope.vm_ == vm && scope.channel_ == nullptr; });
  }

 private:
  template <class Predicate>
  static bool any(Predicate&& predicate) noexcept {
    for (const CallScope* scope = innermost_; scope != nullptr; scope = scope->outer_) {
      if (predicate(*scope)) return true;
    }
    return false;
  }

  inline static thread_local const CallScope* innermost_ = nullptr;
  const Vm* const vm_;
  const VMBCHANNEL__* const channel_;
  const CallScope* const outer_;
};

// Whether a callback of this channel, or of a save of its VM, is what called; counted as misuse.
bool called_by_callback(VMBCHANNEL__& channel) noexcept;
// The same for callbacks of any channel of the VM.
bool called_by_vm_callback(VMBCHANNEL__& channel) noexcept;

// Between active and not; the caller holds `changing`. Leaving waits until the VSP has completed the guest's packets,
// unless they are going to be dropped.
void become_active(VMBCHANNEL__& channel) noexcept;
void leave_active(VMBCHANNEL__& channel, bool drain) noexcept;

// VmbChannelSaveBegin. alone: as Vm::join_save.
NTSTATUS begin_save(VMBCHANNEL channel, std::optional<SavePlan> alone = {}) noexcept;

// Gives back the room for so many completions.
void release_completions(VMBCHANNEL__& channel, std::uint32_t count) noexcept;

// The sink of the packet layer: gives a completion to the guest, or its room back, and wakes a queue that stands on
// quota.
void deliver(void* channel, const packet::Packet& packet, const void* result) noexcept;

}  // namespace vmbsave::kmcl
