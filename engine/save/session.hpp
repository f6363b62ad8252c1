// session.hpp: one save of a VM at a time, from the cut to its end; keeps its arena and scratch memory between saves.
//
//   begin -> save -> [image is valid] -> end(resume | discard)
//
// All calls from one thread at a time. begin and save may fail; end is due after every begin that succeeded,
// whatever save returned. Source of the contract: VmbChannelSaveBegin, SaveContinue
// and SaveEnd.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "mem/arena.hpp"
#include "save/crossover.hpp"
#include "save/image_view.hpp"
#include "save/plan.hpp"
#include "save/stop.hpp"
#include "save/workers.hpp"
#include "vmbsave/executor.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::save {

template <template <class> class Atom>
class BasicSaveSession {
 public:
  using Vm = packet::BasicVm<Atom>;
  using Channel = packet::BasicChannel<Atom>;

  explicit BasicSaveSession(Vm& vm);

  // The cut. Fails without a trace: on any status but kSuccess nothing is frozen and no end is due.
  //   kDeviceBusy             another save of this VM runs
  //   kInvalidDeviceState     a channel has packets in use and no SavePacket, or begin without end
  //   kIoTimeout, kCancelled  slots in transit outlasted the deadline, or the save was cancelled meanwhile
  //   kQuotaExceeded          more than 2^20 packets in use
  //   kInsufficientResources  no memory
  Status begin(const SaveOptions& options) noexcept;

  // Maps memory for an image of so many bytes, and for what so many threads leave unused beside it, as much again at
  // most, and takes the page faults, so that the first save need not. Not between begin and end. False: no memory.
  bool reserve(std::uint64_t image_bytes, unsigned threads = 1) noexcept {
    if (image_bytes == 0) return true;
    if (!arena_.ensure(image_bytes, std::min(Workers<Atom>::room_for_stretches(image_bytes, threads), image_bytes)))
      return false;
    arena_.prefault_reserve();
    return true;
  }

  // Runs the passes; the image is then complete. On failure report().failure says where; every packet stays in use.
  // observer: told of each channel while the save goes on, but for an exact plan that may have to run again; then, and
  // always after the end of this call, the image says it.
  Status save(SealObserver* observer = nullptr) noexcept;

  // Between begin and save: whether each channel keeps as many threads busy by itself as all of them do together, and
  // nobody asked for the fused plan.
  bool may_go_one_by_one() const noexcept;

  // In place of save(), once for each channel, in any order: the channel's stream in one piece, in `room` if it is
  // aligned to 64 bytes and large enough, else in the session's memory. `direct`: bytes of the stream in `room`; 0: it
  // is not there, and image() has its chunks. A failure is the whole save's, as in save().
  Status save_channel(std::uint32_t channel, std::span<std::byte> room, std::uint64_t& direct) noexcept;

  // Takes page faults that the next save would take if it is a larger one. After end, when everybody goes on: the image
  // stays where it is.
  void prepare_next() noexcept { arena_.prefault_reserve(); }

  // Ends the save. Without a begin: no effect.
  void end(EndMode mode) noexcept;

  // Between begin and save: this channel's packets are left out, and its VSP is not called.
  void leave_out(const Channel& channel) noexcept;

  // Between begin and end, from any thread: kIoTimeout past the deadline, kCancelled if cancelled, else kSuccess.
  Status stopped() const noexcept { return stop_.possible() ? stop_.at(base::now_ns()) : Status::kSuccess; }

  bool begun() const noexcept { return state_ != State::kIdle; }
  bool complete() const noexcept { return state_ == State::kComplete; }
  bool failed() const noexcept { return state_ == State::kFailed; }

  // Of a complete save, or of the channels that were saved one by one into the session's memory.
  ImageView image() const noexcept { return {plan_, arena_.data()}; }

  const SaveReport& report() const noexcept { return report_; }
  const SaveOptions& options() const noexcept { return options_; }

 private:
  enum class State : std::uint8_t { kIdle, kBegun, kComplete, kFailed };

  // A channel that is saved by itself.
  struct Alone {
    BasicSaveSession& session;
    std::uint32_t channel;
    std::span<std::byte> room;
    std::uint64_t direct = 0;

    void run() noexcept;
    Status place() noexcept;
    std::byte* memory = nullptr;  // where its chunks go
  };

  Status prepare() noexcept;
  Status check_callbacks() const noexcept;
  Status abandon(Status status, SavePhase phase) noexcept;
  void note_stop() noexcept;

  bool pays(std::uint64_t packets) const noexcept;
  void choose() noexcept;
  std::uint64_t pass_ns() const noexcept;
  void learn(std::uint64_t packets, std::uint64_t before) noexcept;
  void run() noexcept;
  Status run_exact() noexcept;
  Status run_fused() noexcept;
  bool must_run_again() noexcept;

  Status pass(SavePhase phase, std::byte* memory = nullptr) noexcept;
  Status place() noexcept;
  Status place_due() noexcept;
  bool ensure(std::uint64_t bytes, std::uint64_t spare, std::uint64_t budget) noexcept;
  Status make_room(std::uint64_t image_bytes, std::uint64_t arena_bytes) noexcept;
  void seal() noexcept;
  void lap(SavePhase phase) noexcept { report_.phase_ns[static_cast<unsigned>(phase)] += lap_.next(); }

  Vm& vm_;
  SaveOptions options_;
  State state_ = State::kIdle;
  SavePhase phase_ = SavePhase::kCut;
  Stop stop_;
  Cut<Atom> cut_;
  Plan plan_;
  mem::Arena<Atom> arena_;
  Workers<Atom> workers_;
  Executor* executor_ = nullptr;  // of this save; nullptr: this thread alone
  SealObserver* observer_ = nullptr;
  Crossover crossover_;
  SaveReport report_;
  std::uint64_t last_packets_ = 0;  // of the last begin that succeeded; none: nobody is woken for a guess
  bool one_by_one_ = false;         // some channel was saved by itself since begin
  base::Lap lap_;
};

using SaveSession = BasicSaveSession<base::Atomic>;

}  // namespace vmbsave::save
