// wrong_vsp.hpp: a VSP that does one thing wrong, which one is said at run time. It knows the public headers alone, so
// that it is also built as a shared object.
#pragma once

#include "vmbsave/vsp.h"

namespace vmbsave::test {

enum class Fault {
  kNone,
  // SavePacket, first call
  kTouchesSizingBuffer,
  kReadsSizingBuffer,
  kSucceedsWithNeeded,
  kFailsWithoutNeeded,
  kAsksTooMuch,
  kSizesDiffer,
  kCompletesInside,
  kCallsInside,
  kLoops,
  // SavePacket, second call
  kOverruns,
  kUnderruns,
  kOverrunsFar,
  kReadsBehind,
  kClaimsMore,
  kLeavesNeededUnset,
  kShrinks,
  kGrows,
  kSecondCallFails,
  kPends,
  kThrows,
  kLeavesBytes,
  kReadsBuffer,
  kSavesAddress,
  kUnlikeResults,
  kUnlikeAtTimes,
  kWantsExactBuffer,
  kTakesCapacity,
  kNotThreadSafe,
  kRaces,  // without an effect on any state: nothing for an examination, but for the thread sanitizer
  kSendsInside,
  kLeaksWhenSaving,
  kTakesLong,
  kCrashes,
  kAborts,
  kExits,
  // completion
  kCompletesTwice,
  kCompletesRecycled,
  kNeverCompletes,
  kForgetsTooEarly,
  kTellsSuccess,
  kTellsFailure,
  kTellsNothing,
  // RestorePacket and reissue
  kLosesState,
  kForgetsRestore,
  kRestoresTwice,
  kForeignLibBuf,
  kRefusesOwnState,
  kWritesLibBuf,
  kWritesSaveBuf,
  kOverrunsSaveBuf,
  kReadsBehindSaveBuf,
  kRestorePends,
  kRestoreThrows,
  kForgetsRequest,
  kCompletesInRestore,
  kSendsInRestore,
  kLeaksPackets,
  kLeaksWhenRestoring,
  kRestoreTakesLong,
  // its own statement of what must be saved
  kUnlikeReference,
  kReferenceOverruns,
};

// The one packet that most faults are about: that of record 5, the sixth request. With two channels it is on the
// second one.
inline constexpr UINT64 kVictim = 6;
inline constexpr UINT32 kVictimBytes = 29;  // of its state
inline constexpr UINT32 kOddByte = 20;      // of the state, in faults of one byte

// One at a time.
const VMBS_VSP* wrong_vsp(Fault fault);

// "touches_sizing_buffer" and so on; kNone for anything else.
Fault fault_named(const char* name);

}  // namespace vmbsave::test
