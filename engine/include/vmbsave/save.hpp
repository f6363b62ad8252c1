/// @file save.hpp
/// What a save is given, what it reports, and what it leaves to the threads of a VSP meanwhile.
///
/// Progress, by operation. Each claim has a test: tests/model/schedule (from every point of a schedule alone to its
/// end, and counted), tests/stress/park_test.cpp (a thread that is stopped for ever between two of its atomics).
///
/// - A packet comes in: claim is lock-free (it tries again only after another operation on the same word of 21 packets
///   has succeeded), publish is one read-modify-write. During a save it is refused, and does not wait.
/// - A packet is completed: wait-free, at most two read-modify-writes and its own delivery, as long as no save gives up
///   at a deadline or is cancelled; beside one that does, lock-free, with a compare-and-swap more for each such save.
///   During a save it is deferred.
/// - The cut: one read-modify-write for each word, wait-free. Then begin waits for what is being received, indicated or
///   delivered at that moment, at most until SaveOptions::deadline_ns or a cancel, and for nothing else.
/// - A save blocks as a whole: another save, and a channel that comes or goes, is refused until its end.
/// - Locks: of its channel, for packets that the VSP allocates, frees, sends or gets answered, so also for the
///   completion of a packet that was restored into an allocated one. Through kmcl_ext.h also for
///   VmbsChannelProcessIncoming itself (not while it is inside the VSP), for the completion that wakes a reader which
///   stands on the channel's quota, and for one before the guest has opened the channel. A reader at the quota waits
///   for the deliveries that run at that moment. No lock is shared by two channels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vmbsave/status.hpp"

#ifndef _WIN32
#pragma GCC visibility push(default)  // a shared library exports what is declared from here on
#endif

namespace vmbsave {

class Executor;

/// How a save goes over its packets. The image is the same, byte for byte.
enum class SavePlan : std::uint8_t {
  kAuto,   ///< the faster one, as far as the engine knows
  kExact,  ///< sizes every packet, then gives each its place, then saves every packet: one contiguous piece of memory
  kFused,  ///< sizes and saves block by block while the packets are in the cache: an image in pieces
};

/// The name of a plan.
///
/// @param plan  the plan
/// @return such as "fused"
const char* plan_name(SavePlan plan) noexcept;

/// SaveOptions::serial_below: the engine finds the number of packets from which on more threads pay.
inline constexpr std::uint32_t kCalibrated = 0xFFFFFFFFu;

/// Ends a save from any thread, also from inside a callback, as if its deadline had passed at that moment: begin stops
/// waiting, each thread ends the block that it is at and starts no further one, what was done is undone, and the save
/// fails with kCancelled. A save that has all its packets by then is not hurt, but what is sent of it to a socket or
/// pipe that takes nothing is given up (Sink::set_patience). Stays cancelled: for one save.
class CancelToken {
 public:
  CancelToken() noexcept;
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  /// Returns at once. From the second time on it has no effect.
  void cancel() noexcept;

  /// @return whether somebody has called cancel()
  bool cancelled() const noexcept;

  /// @return when that was, on the monotonic clock; 0: not yet
  std::uint64_t when_ns() const noexcept;

 private:
  alignas(std::uint64_t) std::byte when_[sizeof(std::uint64_t)];  // an atomic lives here
};

/// How a VM is saved.
struct SaveOptions {
  Executor* executor = nullptr;     ///< nullptr: the calling thread alone
  std::uint64_t deadline_ns = 0;    ///< from begin; 0: none. Past it the save ends with kIoTimeout and nothing is lost
  CancelToken* cancel = nullptr;    ///< by which it may end with kCancelled; stays until the end; nullptr: by none
  std::uint64_t memory_budget = 0;  ///< most bytes of image; more end the save with kQuotaExceeded; 0: no limit
  unsigned growth_retries = 0;      ///< how often the save pass may be run again because a packet's state grew
  bool checksum = true;             ///< off: checksum fields are zero and the image cannot be restored
  SavePlan plan = SavePlan::kAuto;  ///< see there
  std::uint32_t serial_below = kCalibrated;  ///< saves of fewer packets run on the calling thread alone; 0: none do
};

/// What the end of a save does.
enum class EndMode {
  kResume,   ///< deferred completions are delivered, packets go on
  kDiscard,  ///< nothing is delivered, the channels are left empty: the destination owns the packets
};

/// The parts of a save, in order.
enum class SavePhase : std::uint8_t {
  kCut,          ///< freezing what is in use
  kTransitWait,  ///< waiting for threads that were receiving or delivering a packet at the cut
  kSize,         ///< first calls of SavePacket: the exact plan
  kPlace,        ///< putting the packets together to blocks, and giving each chunk its place
  kSave,         ///< second calls of SavePacket: the exact plan, and what the fused plan found no room for at first
  kPass,         ///< both calls, block by block: the fused plan
  kSeal,         ///< the image's own chunks; the workers seal the channels
  kEnd,          ///< thawing and delivering
};
inline constexpr unsigned kSavePhases = 8;  ///< how many parts there are

/// The name of a part of a save.
///
/// @param phase  the part
/// @return such as "transit_wait"
const char* phase_name(SavePhase phase) noexcept;

/// Why a save failed, for the first failure seen. `channel` says whose packet a callback failed with, or whose block
/// did not begin when the save had to stop. Channels that are saved one by one (SaveContinue into the caller's buffer)
/// also have one for which no memory or budget was left. What is the VM's as a whole has none: an image saved at once
/// that is over the budget, and whatever fails the begin. It is 0 then, and says nothing.
struct SaveFailure {
  Status status = Status::kSuccess;   ///< kSuccess: it did not
  SavePhase phase = SavePhase::kCut;  ///< where
  std::uint32_t channel = 0;          ///< number in the VM, if it is one channel's
  std::uint64_t transaction_id = 0;   ///< of the packet, if a callback failed
};

/// What a save did.
struct SaveReport {
  std::uint64_t phase_ns[kSavePhases] = {};  ///< time of each part
  std::uint64_t packets = 0;                 ///< that the save describes
  std::uint64_t channels = 0;                ///< of the VM
  std::uint64_t image_bytes = 0;             ///< of all channels
  std::uint64_t memory_used = 0;             ///< bytes of the session's memory that hold the image, gaps included
  std::uint64_t memory_mapped = 0;           ///< bytes that it has pages for, which it keeps for the next save
  std::uint64_t deferred_delivered = 0;      ///< completions that end(kResume) gave to the guest
  std::uint64_t growth_retries = 0;          ///< how often the save pass was run again
  std::uint64_t stop_ns = 0;                 ///< from the deadline, or the cancel, until it had given up; 0: it did not
  std::uint64_t blocks_after_stop = 0;       ///< of packets, begun when a thread had seen that: none, and counted
  SavePlan plan = SavePlan::kExact;          ///< the plan taken, never kAuto
  unsigned threads = 1;                      ///< that could take part: 1 for a save below the crossover
  SaveFailure failure;                       ///< why it failed
};

}  // namespace vmbsave

#ifndef _WIN32
#pragma GCC visibility pop
#endif
