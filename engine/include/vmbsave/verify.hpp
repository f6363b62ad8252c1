/// @file verify.hpp
/// Examines the callbacks of a VSP: what they do wrong, where, and what they cost.
///
/// The VSP describes itself by a VMBS_VSP (vsp.h). vmbsave::verify makes a virtual machine with channels of it, gets
/// packets into use, saves and restores them, calls the callbacks itself with buffers that notice what should not
/// happen, and says what it found. Not for production: each packet is saved dozens of times.
///
/// A VSP may crash, abort or never return; the library has no signal handlers and cannot help that. A program that
/// must survive runs it in a child process, and gives it a Journal in memory that it shares with the child: from that,
/// crash_finding and hang_finding say what the VSP was doing. `vmbsave check` is such a program.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "vmbsave/vsp.h"

/// The examination of a VSP's callbacks.
namespace vmbsave::verify {

/// What a finding is about. The value is the number: V01 is 1. Causes and fixes: check_info.
enum class Check : std::uint8_t {
  kTouchesSizingBuffer = 1,  ///< SaveBuf is touched in the first call
  kOverruns,                 ///< bytes outside of SaveBuf are touched
  kClaimsMore,               ///< success, with BytesNeeded above SaveBufSize
  kLeavesNeededUnset,        ///< a second call succeeds without setting BytesNeeded
  kSucceedsWithNeeded,       ///< a first call succeeds and asks for bytes
  kFailsWithoutNeeded,       ///< a first call fails with BytesNeeded 0
  kAsksTooMuch,              ///< more bytes than one packet may save
  kSizesDiffer,              ///< two calls give different sizes
  kGrows,                    ///< a second call wants more than the first one asked for
  kSecondCallFails,          ///< a second call fails otherwise
  kPends,                    ///< a callback returns a status that means later
  kThrows,                   ///< an exception leaves a callback
  kLeavesBytes,              ///< bytes within BytesNeeded are not written
  kReadsBuffer,              ///< what is written depends on what was in SaveBuf
  kSavesAddress,             ///< what is written depends on where SaveBuf is
  kUnlikeResults,            ///< two saves of one packet differ
  kWantsExactBuffer,         ///< another result in a buffer that is larger than asked for
  kNotThreadSafe,            ///< another result while other packets are saved
  kCompletesInside,          ///< SavePacket or RestorePacket completes a packet
  kSendsInside,              ///< SavePacket or RestorePacket sends a packet
  kCallsInside,              ///< a callback calls what must not be called from inside one
  kCompletesTwice,           ///< a packet is completed that is not in use any more, or that nobody gave back
  kNeverCompletes,           ///< a request that its backend is done with is not completed
  kStateIsLost,              ///< saved, restored and saved again, a state is another one
  kForgetsRestore,           ///< RestorePacket succeeds without VmbPacketRestore
  kRestoresTwice,            ///< RestorePacket calls VmbPacketRestore more than once
  kForeignLibBuf,            ///< RestorePacket gives VmbPacketRestore another LibBuf than its own
  kRefusesOwnState,          ///< RestorePacket fails for what SavePacket has saved
  kDamagesRestoreBuffers,    ///< RestorePacket writes into LibBuf or SaveBuf, or touches what lies outside
  kForgetsRequest,           ///< a restored request is neither handed to the backend again nor completed
  kLeaksPackets,             ///< packets of VmbPacketAllocate are not freed
  kLeaksMemory,              ///< the heap grows with each round
  kOverBudget,               ///< a callback takes longer than its budget
  kUnlikeReference,          ///< SavePacket and reference_state differ
  kCrashes,                  ///< a callback ends the process
  kHangs,                    ///< a callback does not return
  kForgetsTooEarly,          ///< a packet cannot be saved once it is completed during a save
  kTellsAnotherStatus,       ///< a completion tells another status than its backend did
};

/// How many checks there are; their numbers are 1 to this.
inline constexpr std::uint32_t kChecks = 38;

/// What is to be known of a check.
struct CheckInfo {
  Check check;         ///< which
  const char* number;  ///< such as "V03"
  const char* title;   ///< a few words
  const char* cause;   ///< what the VSP does, and what comes of it; one line
  const char* fix;     ///< what to do about it; one line
};

/// All checks.
///
/// @return kChecks of them, in order of their numbers; valid for the life of the process
std::span<const CheckInfo> checks() noexcept;

/// One of them.
///
/// @param check  which
/// @return its entry
const CheckInfo& check_info(Check check) noexcept;

/// What of the VSP was called.
enum class Call : std::uint8_t {
  kNone,       ///< nothing
  kSetUp,      ///< create_device, configure
  kProcess,    ///< ProcessPacket, for a request of the guest
  kDeliver,    ///< deliver, accept or the completion routine of a packet of the VSP's
  kSizing,     ///< SavePacket with SaveBufSize 0
  kSaving,     ///< SavePacket with a buffer
  kRestore,    ///< RestorePacket
  kReissue,    ///< reissue
  kComplete,   ///< complete
  kReference,  ///< encode, outcome or reference_state
  kTearDown,   ///< release, destroy_device
};

/// Its name, for people.
///
/// @param call  any
/// @return such as "SavePacket, first call"; valid for the life of the process
const char* call_name(Call call) noexcept;

/// Where something was found.
struct Place {
  Call call = Call::kNone;           ///< what was called
  std::uint32_t attempt = 0;         ///< which call of this kind for the packet, from 1; 0: all of them
  std::uint32_t channel = 0;         ///< number of the channel, from 0
  bool has_packet = false;           ///< whether it is about one packet
  bool outgoing = false;             ///< a packet of the VSP's
  std::uint64_t transaction_id = 0;  ///< of the packet
  std::int64_t first_byte = 0;       ///< offset in SaveBuf, or in the saved state; below 0: before it
  std::uint64_t bytes = 0;           ///< how many from there on; 0: it is not about bytes
};

/// Something that the VSP does wrong.
struct Finding {
  Check check = Check::kCrashes;  ///< what
  Place where;                    ///< where it was found first
  std::uint64_t times = 1;        ///< how often in all
  std::string detail;             ///< what was found there, in one line
};

/// A buffer that the VSP was given, by addresses, and the memory around it that it has no business in.
struct JournalBuffer {
  volatile std::uint64_t first = 0;       ///< address of the buffer
  volatile std::uint64_t bytes = 0;       ///< of the buffer
  volatile std::uint64_t room_first = 0;  ///< address of the memory around it
  volatile std::uint64_t room_end = 0;    ///< one behind its last byte; 0: none
};

/// The call that one thread is inside of. Volatile, for readers in other processes: written by one thread, and read
/// when that stands still, or for nothing more than whether something still happens.
struct JournalLane {
  volatile std::uint32_t call = 0;            ///< a Call; 0: not inside the VSP
  volatile std::uint32_t attempt = 0;         ///< as Place
  volatile std::uint32_t channel = 0;         ///< as Place
  volatile std::uint32_t has_packet = 0;      ///< as Place
  volatile std::uint32_t outgoing = 0;        ///< as Place
  volatile std::uint64_t transaction_id = 0;  ///< as Place
  volatile std::uint64_t thread = 0;          ///< the kernel's number of the thread
  volatile std::uint64_t calls = 0;           ///< how many so far
  JournalBuffer save_buf;                     ///< SaveBuf
  JournalBuffer lib_buf;                      ///< LibBuf
};

/// Most channels of the virtual machine.
inline constexpr std::uint32_t kMaxChannels = 64;

/// Most threads that examine at once.
inline constexpr std::uint32_t kMaxThreads = 64;

/// What the VSP is doing now. Holds no pointers: it may lie in memory that several processes share.
struct Journal {
  JournalLane lanes[1 + kMaxThreads];  ///< the first one is the calling thread's
};

/// How to examine.
struct Options {
  std::uint32_t packets = 256;           ///< in use at once, over all channels; 1 to 2^20
  std::uint32_t channels = 2;            ///< of the virtual machine; 1 to kMaxChannels, and at most `packets`
  std::uint64_t seed = 1;                ///< of the requests: the same seed, the same requests
  std::uint32_t threads = 0;             ///< for what must be thread-safe, up to kMaxThreads; 0: the processors, 2 to 8
  std::uint64_t callback_budget_ns = 0;  ///< longest that a callback may take for a packet; 0: any time
  bool guard_pages = true;               ///< also buffers at whose end the process would crash
  Journal* journal = nullptr;            ///< written before each call; nullptr: none
  std::function<void(const Finding&)> on_finding;  ///< called when something is found for the first time; may be empty
};

/// Times of calls, in nanoseconds. The clock's own time, some 20 to 50, is in them.
struct CallTimes {
  std::uint64_t p50 = 0;  ///< half of them took no longer
  std::uint64_t p99 = 0;  ///< 99 of 100 took no longer
  std::uint64_t max = 0;  ///< the longest
};

/// What packets whose states have a size cost.
struct SizeTimes {
  std::uint32_t bytes = 0;    ///< of state; 0: no state, and no second call
  std::uint64_t packets = 0;  ///< how many have that size
  CallTimes sizing;           ///< first calls
  CallTimes saving;           ///< second calls
};

/// A packet that takes long. Times are its shortest of several calls, so that the machine's hiccups are not in them.
struct SlowPacket {
  std::uint32_t channel = 0;         ///< number of its channel
  bool outgoing = false;             ///< a packet of the VSP's
  std::uint64_t transaction_id = 0;  ///< of the packet
  std::uint32_t bytes = 0;           ///< of state
  std::uint64_t sizing_ns = 0;       ///< first call
  std::uint64_t saving_ns = 0;       ///< second call
};

/// What came of an examination.
struct Report {
  std::string not_checked;            ///< empty, or why nothing could be examined, in one line
  std::vector<Finding> findings;      ///< each check once, in order of their numbers
  std::vector<std::string> left_out;  ///< what was not examined because of a finding, in one line each
  std::uint64_t packets = 0;          ///< that were in use
  std::uint64_t calls = 0;            ///< of SavePacket and RestorePacket; of those at once as many as are always made
  std::vector<SizeTimes> sizes;       ///< smallest first; empty if SavePacket cannot be timed
  std::vector<SlowPacket> slowest;    ///< slowest first; 10 at most
};

/// Examines a VSP on the calling thread, and on threads of its own for what is to be called at once. Takes
/// 70 calls of SavePacket and RestorePacket for each packet: 256 packets of a storage VSP take less than a fifth of a
/// second. May throw std::bad_alloc.
///
/// @param vsp      must stay valid; a version that is not known, or a missing function, is Report::not_checked
/// @param options  how
/// @return what was found
Report examine(const VMBS_VSP& vsp, const Options& options);

/// How a process ended that was examining.
struct Crash {
  std::string what;           ///< such as "SIGSEGV", for the finding's text
  std::uint64_t thread = 0;   ///< the kernel's number of the thread; 0: not known
  bool has_address = false;   ///< whether a memory access failed
  std::uint64_t address = 0;  ///< of what
};

/// What a crash says of the VSP.
///
/// @param journal  of the process that has ended
/// @param crash    how it ended
/// @return Check::kCrashes, or what touching memory around a buffer is: kTouchesSizingBuffer, kOverruns,
///         kDamagesRestoreBuffers
Finding crash_finding(const Journal& journal, const Crash& crash);

/// What it says of the VSP that nothing goes on.
///
/// @param journal  of the process that stands still
/// @param ns       for how long
/// @return Check::kHangs
Finding hang_finding(const Journal& journal, std::uint64_t ns);

/// Whether a thread is inside the VSP.
///
/// @param journal  of this or another process
/// @return false: what stands still or crashed was not the VSP
bool is_inside(const Journal& journal) noexcept;

}  // namespace vmbsave::verify
