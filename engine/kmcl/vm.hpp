// vm.hpp: the virtual machine behind the channels of one parent device: their epoch, their save, their executor.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "packet/vm.hpp"
#include "save/session.hpp"
#include "vmbsave/executor.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::kmcl {

// No lock is held while a callback runs or while begin waits; a call from inside a callback never waits for its own
// caller. Kept while a channel refers to it. Channels with the same non-NULL parent share one; a NULL parent gives a VM
// of its own.
class Vm {
 public:
  static Vm* acquire(PDEVICE_OBJECT parent);  // may throw std::bad_alloc
  static void release(Vm* vm) noexcept;

  packet::Vm& channels() noexcept { return channels_; }
  save::SaveSession& session() noexcept { return session_; }

  // Puts an enabled channel into the VM. kDeviceBusy while a save runs.
  Status enable(packet::Channel& channel) noexcept;
  // Takes a channel out of the VM, now or at the end of the save that runs; until then its VSP is called for what it
  // has sent alone. With `discard` nothing of its packets is delivered.
  void disable(VMBCHANNEL__& channel, bool discard) noexcept;
  // Frees a disabled channel, now or at the end of the save that runs; the channel's reference to the VM goes with it.
  void destroy(VMBCHANNEL__* channel) noexcept;

  // The first channel's begin is the cut for all; the others join it. kDeviceBusy while a channel of the VM is being
  // restored, opened or closed. alone: a new save by this plan, on one thread, for however long;
  // kInvalidDeviceState while one runs.
  Status join_save(VMBCHANNEL__& channel, std::optional<SavePlan> alone) noexcept;
  // Saves the channel, if it is not saved yet: by itself, right into `room`, if that keeps all threads of the save busy
  // and the room looks large enough; else all channels at once, for all callers. A second caller waits for the first.
  // `direct`: bytes of the channel's whole stream in `room`; 0: the session's image has it.
  Status run_save(VMBCHANNEL__& channel, std::span<std::byte> room, std::uint64_t& direct) noexcept;
  // The last channel's end ends it, and wakes every channel.
  void leave_save(VMBCHANNEL__& channel) noexcept;

  // Around what must not meet a save. kDeviceBusy while one runs.
  Status begin_change() noexcept;
  void end_change() noexcept;

  // kDeviceBusy while a save runs. May throw std::bad_alloc; the options are then as they were.
  Status set_options(const VMBS_SAVE_OPTIONS& options);
  // Not while another thread is inside a save.
  const SaveReport& report() const noexcept { return session_.report(); }

 private:
  enum class Phase { kIdle, kBeginning, kBegun, kRunning, kRan, kEnding };
  class Hold;

  explicit Vm(PDEVICE_OBJECT parent) : parent_(parent) {}
  bool called_from_inside() const noexcept;
  void settle(std::unique_lock<std::mutex>& lock) noexcept;
  bool may_begin() const noexcept;
  SaveOptions options_alone(SavePlan plan) const noexcept;
  bool goes_one_by_one(const VMBCHANNEL__& channel, std::span<std::byte> room) const noexcept;
  template <class Visit>
  void for_each_leaving(Visit&& visit);
  void go_on() noexcept;
  void carry_out_disables() noexcept;
  void end_locked(std::unique_lock<std::mutex>& lock) noexcept;

  const PDEVICE_OBJECT parent_;
  unsigned references_ = 1;
  Vm* next_ = nullptr;

  packet::Vm channels_;
  save::SaveSession session_{channels_};
  std::unique_ptr<Executor> executor_ = make_executor();
  SaveOptions options_{.executor = executor_.get()};
  bool require_paused_ = false;

  std::mutex mutex_;  // of what follows, and of the list of channels
  std::condition_variable settled_;
  Phase phase_ = Phase::kIdle;
  bool one_by_one_ = false;  // of the save that runs, once a channel of it was saved
  unsigned joined_ = 0;      // channels between SaveBegin and SaveEnd
  unsigned changing_ = 0;    // calls between begin_change and end_change
};

}  // namespace vmbsave::kmcl
