// session.hpp: one save of a VM at a time, from the cut to its end; keeps its arena and scratch memory between saves.
//
//   begin -> save -> [image is valid] -> end(resume | discard)
//
// All calls from one thread at a time. begin and save may fail; end is due after every begin that did not return
// kDeviceBusy or kInvalidDeviceState, whatever save returned. Source of the contract: VmbChannelSaveBegin, SaveContinue
// and SaveEnd.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "mem/arena.hpp"
#include "save/image_view.hpp"
#include "save/plan.hpp"
#include "vmbsave/executor.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::save {

// Marks this thread for the time in which it may run a session's SavePackets: who waits for that save from here would
// wait for himself. A SavePacket may save another VM.
class InsideCallbacks {
 public:
  explicit InsideCallbacks(const void* session) noexcept : session_(session), outer_(innermost_) { innermost_ = this; }
  ~InsideCallbacks() { innermost_ = outer_; }
  InsideCallbacks(const InsideCallbacks&) = delete;

  static bool of(const void* session) noexcept {
    const InsideCallbacks* scope = innermost_;
    while (scope != nullptr && scope->session_ != session) scope = scope->outer_;
    return scope != nullptr;
  }

 private:
  inline static thread_local const InsideCallbacks* innermost_ = nullptr;
  const void* const session_;
  const InsideCallbacks* const outer_;
};

template <template <class> class Atom>
class BasicSaveSession {
 public:
  using Vm = packet::BasicVm<Atom>;
  using Channel = packet::BasicChannel<Atom>;

  explicit BasicSaveSession(Vm& vm);

  // The cut. Fails without a trace: on any status but kSuccess nothing is frozen and no end is due.
  //   kDeviceBusy             another save of this VM runs
  //   kInvalidDeviceState     a channel has packets in use and no SavePacket, or begin without end
  //   kIoTimeout              slots in transit outlasted the deadline
  //   kQuotaExceeded          more than 2^20 packets in use
  //   kInsufficientResources  no memory
  Status begin(const SaveOptions& options) noexcept;

  // Runs the passes; the image is then complete. On failure report().failure says where; every packet stays in use.
  Status save() noexcept;

  // Ends the save. Without a begin: no effect.
  void end(EndMode mode) noexcept;

  // Between begin and save: this channel's packets are left out, and its VSP is not called.
  void leave_out(const Channel& channel) noexcept;

  bool begun() const noexcept { return state_ != State::kIdle; }
  bool complete() const noexcept { return state_ == State::kComplete; }

  // Of a complete save.
  ImageView image() const noexcept { return {plan_, image_}; }

  const SaveReport& report() const noexcept { return report_; }

 private:
  enum class State : std::uint8_t { kIdle, kBegun, kComplete, kFailed };

  Status prepare() noexcept;
  Status check_callbacks() const noexcept;
  Status abandon(Status status, SavePhase phase) noexcept;
  bool expired() const noexcept;

  Status run_blocks(SavePhase phase) noexcept;
  void run_unit(const Unit& unit) noexcept;
  PassResult run_block(Block& block);
  Status place() noexcept;
  Status place_and_save() noexcept;
  void seal() noexcept;
  void fail(const SaveFailure& failure) noexcept;

  template <class Function>
  void for_each(std::size_t count, std::size_t grain, Function&& function) noexcept;
  void lap(SavePhase phase) noexcept { report_.phase_ns[static_cast<unsigned>(phase)] += lap_.next(); }

  Vm& vm_;
  SaveOptions options_;
  State state_ = State::kIdle;
  SavePhase phase_ = SavePhase::kCut;
  std::uint64_t deadline_ = 0;  // on the clock of now_ns; 0: none
  Cut<Atom> cut_;
  Plan plan_;
  mem::Arena<Atom> arena_;
  std::byte* image_ = nullptr;
  SaveReport report_;
  base::Lap lap_;
  Atom<std::uint32_t> failed_{};  // not 0: some worker failed; the others start no further block
  Atom<std::uint32_t> grown_{};   // blocks that must be saved again, in this pass
};

using SaveSession = BasicSaveSession<base::Atomic>;

}  // namespace vmbsave::save
