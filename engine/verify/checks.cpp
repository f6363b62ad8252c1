// checks.cpp: what is to be known of each check. The table in README.md has the same numbers.
#include <array>

#include "vmbsave/verify.hpp"

namespace vmbsave::verify {
namespace {

constexpr std::array<CheckInfo, kChecks> kTable = {{
    {Check::kTouchesSizingBuffer, "V01", "SaveBuf is touched in the first call",
     "With SaveBufSize 0 there is no buffer: SavePacket reads or writes where SaveBuf points to all the same, which is "
     "memory of the library or none at all.",
     "Compare SaveBufSize with the size of the state first, and fail with BytesNeeded set before SaveBuf is used."},
    {Check::kOverruns, "V02", "Bytes outside of SaveBuf are touched",
     "SavePacket writes before SaveBuf or behind SaveBufSize bytes of it: that is the next packet's state, or the "
     "image's own bytes.",
     "Write at most SaveBufSize bytes, from SaveBuf on; compare with the size of what is copied, padding included."},
    {Check::kClaimsMore, "V03", "Success with BytesNeeded above SaveBufSize",
     "SavePacket succeeds and says that it wrote more than the buffer holds: the library keeps SaveBufSize bytes, and "
     "the rest is lost.",
     "Fail with STATUS_BUFFER_TOO_SMALL when the state does not fit; on success set BytesNeeded to what was written."},
    {Check::kLeavesNeededUnset, "V04", "BytesNeeded is not set by a second call that succeeds",
     "The library then takes all that the first call asked for as written, and another one may take whatever was "
     "there.",
     "Set BytesNeeded in each call, before anything else."},
    {Check::kSucceedsWithNeeded, "V05", "A first call succeeds and asks for bytes",
     "Success in the first call means that the packet has no state: there is no second call, and the state is lost.",
     "Fail the first call, such as with STATUS_BUFFER_TOO_SMALL, whenever BytesNeeded is above 0."},
    {Check::kFailsWithoutNeeded, "V06", "A first call fails with BytesNeeded 0",
     "Nothing is known of what the packet needs: the save of the whole virtual machine fails with that status.",
     "Succeed for a packet without state; else set BytesNeeded before failing."},
    {Check::kAsksTooMuch, "V07", "More bytes are asked for than one packet may save",
     "BytesNeeded is above 64 MiB, often because it was never set or a length went below 0: the save fails with "
     "STATUS_INVALID_BUFFER_SIZE.",
     "Compute the size in 32 bits without overflow, and keep what is that large outside of packets."},
    {Check::kSizesDiffer, "V08", "Two calls give different sizes",
     "The packet is in use and nobody changes it, and still its size is another one in the next call: a state is cut "
     "off, or has bytes that mean nothing.",
     "Compute the size in one function from what the packet keeps, and use it in both calls."},
    {Check::kGrows, "V09", "A second call wants more than the first one asked for",
     "The state has grown between the two calls: the save fails, unless growth retries are allowed.",
     "Ask for the most that the state can become while the packet is in use, or keep the size with the packet."},
    {Check::kSecondCallFails, "V10", "A second call fails although its buffer is large enough",
     "The save of the whole virtual machine fails, and no packet of it is saved.",
     "Leave nothing to the second call that can fail: no allocation, no lock that is only tried, no look at a device."},
    {Check::kPends, "V11", "A callback returns a status that means later",
     "STATUS_PENDING, or STATUS_MORE_PROCESSING_REQUIRED from RestorePacket: there is no later, and the save or "
     "restore fails.",
     "Finish within the callback, and return what became of it."},
    {Check::kThrows, "V12", "An exception leaves a callback",
     "The callbacks are functions of C: the library catches it and fails with STATUS_UNHANDLED_EXCEPTION, another one "
     "would end.",
     "Catch in the callback, and return a status."},
    {Check::kLeavesBytes, "V13", "Bytes of the state are not written",
     "BytesNeeded counts bytes that SavePacket leaves as they were: padding, or a field that is not set. The state "
     "then "
     "holds what was in memory before.",
     "Write each byte that BytesNeeded counts: zero the structure before its fields are set."},
    {Check::kReadsBuffer, "V14", "The state depends on what was in SaveBuf",
     "SavePacket reads SaveBuf before it has written there: adds to it, or keeps a flag that it finds.",
     "Treat SaveBuf as write-only: what was in it before the call is not specified."},
    {Check::kSavesAddress, "V15", "The state depends on where SaveBuf is",
     "A pointer into SaveBuf was saved, or an alignment was made relative to an address: in the next process it means "
     "nothing.",
     "Save offsets from the start of SaveBuf, and align relative to that start."},
    {Check::kUnlikeResults, "V16", "Two saves of the same packet differ",
     "The packet has not changed and its state has: a clock, a counter, a random number or a pointer is in it. Images "
     "cannot be compared, and a save that is repeated saves something else.",
     "Save only what the packet keeps, and leave out what each call makes anew."},
    {Check::kWantsExactBuffer, "V17", "Another result in a larger buffer",
     "SaveBufSize is at least what was asked for, and may be more: SavePacket fails then, or takes SaveBufSize for the "
     "size of the state.",
     "Test SaveBufSize for being too small only, and set BytesNeeded to the size of the state."},
    {Check::kNotThreadSafe, "V18", "Another result while other packets are saved",
     "SavePackets run at once: of different channels always, of one channel where the VSP allows it. This one uses "
     "something that other calls use too: a static buffer, a counter, a cache. ThreadSanitizer (-fsanitize=thread) "
     "shows where.",
     "Keep what SavePacket needs in the packet's context or on the stack. What belongs to a channel may stay if "
     "concurrent callbacks are not allowed; what channels share needs a lock."},
    {Check::kCompletesInside, "V19", "A callback completes a packet",
     "The packet is being saved as in use: here its guest gets an answer, at the destination it gets another one. "
     "RestorePacket's guest has an answer although the restore may still fail.",
     "Only look at packets in SavePacket, only remember them in RestorePacket; complete them where their work is "
     "done."},
    {Check::kSendsInside, "V20", "A callback sends a packet",
     "While a save or a restore runs VmbPacketSend fails with STATUS_DEVICE_BUSY, and the packet is lost if nobody "
     "sends it again.",
     "Send from outside of callbacks, after the save or the restore."},
    {Check::kCallsInside, "V21", "A callback calls what it must not call from inside",
     "Saving, pausing, disabling, opening or processing from inside a callback would wait for its own caller: the "
     "library refuses it, and what the VSP wanted does not happen.",
     "Do it outside of callbacks; VMBS_CHANNEL_STATISTICS.Misuses counts such calls."},
    {Check::kCompletesTwice, "V22", "A packet is completed that is not in use",
     "A packet is completed a second time, or after its slot belongs to another request, which then ends with the "
     "wrong "
     "answer; or one whose backend is not done with it.",
     "Forget the packet's handle before it is completed, and complete it only when its own request is done."},
    {Check::kNeverCompletes, "V23", "A request is done and not completed",
     "Its backend is done with a request, and the guest gets no completion within a second: it waits for ever, and so "
     "do VmbChannelPause and VmbChannelDisable.",
     "Call VmbChannelPacketComplete for each request that the backend is done with, whatever its status."},
    {Check::kStateIsLost, "V24", "A state does not survive a restore",
     "A restored packet is saved again, and its state is another one: RestorePacket keeps less than SavePacket wrote, "
     "so that the second migration of a guest fails.",
     "Restore each field that is saved, and compare both functions with one description of the state."},
    {Check::kForgetsRestore, "V25", "RestorePacket succeeds without VmbPacketRestore",
     "The packet that was in use is nowhere: the restore fails with STATUS_INVALID_DEVICE_REQUEST.",
     "Allocate a packet, give it LibBuf with VmbPacketRestore, and return what that returned."},
    {Check::kRestoresTwice, "V26", "RestorePacket calls VmbPacketRestore twice",
     "One LibBuf is one packet: the second call is refused, and the restore fails.",
     "Call VmbPacketRestore once in each RestorePacket."},
    {Check::kForeignLibBuf, "V27", "VmbPacketRestore gets another packet's LibBuf",
     "LibBuf is valid during its own RestorePacket only; one that was kept, copied in part or changed is refused, and "
     "the restore fails.",
     "Give VmbPacketRestore the very LibBuf and LibBufSize that RestorePacket was called with."},
    {Check::kRefusesOwnState, "V28", "RestorePacket fails for what SavePacket has saved",
     "The destination cannot take the guest: the restore fails, and the channel is empty.",
     "Accept each state that SavePacket can write, with size 0 for a packet that had none."},
    {Check::kDamagesRestoreBuffers, "V29", "LibBuf or SaveBuf of a restore is written to or overrun",
     "Both are for reading, LibBufSize and SaveBufSize bytes long: the next packet's state lies behind them.",
     "Copy what is needed, at most so many bytes, and change the copy."},
    {Check::kForgetsRequest, "V30", "A restored request is not carried on",
     "Neither its backend has it nor is it completed, once every channel is restored, open and started: its guest "
     "waits "
     "for ever.",
     "Keep restored packets, and hand each to the backend or complete it in reissue."},
    {Check::kLeaksPackets, "V31", "Packets are not freed",
     "Packets of VmbPacketAllocate are left when everything is completed, the channel is disabled and release has "
     "returned: they stay in memory until Cleanup, and there are fewer to send.",
     "Free what was allocated and is not in use: after a failure of VmbPacketRestore or VmbPacketSend, in completion "
     "routines, and in release."},
    {Check::kLeaksMemory, "V32", "The heap grows with each round",
     "The same packets are saved, or restored and ended, again and again, and each time more memory is in use "
     "afterwards. AddressSanitizer (-fsanitize=address) shows where it comes from.",
     "Free what a callback allocates before it returns, or with the packet that it belongs to."},
    {Check::kOverBudget, "V33", "A callback takes longer than its budget",
     "The guest stands still while it runs, once for each packet in use. The time is the shortest of several calls.",
     "Prepare the state when the packet arrives; allocate, search, lock and log outside of the callback."},
    {Check::kUnlikeReference, "V34", "SavePacket and reference_state differ",
     "The VSP's own statement of what must be saved is another one than what SavePacket writes: a field is missing, at "
     "another place or wrong.",
     "Decide which of the two is right; after a change of the state both have to change."},
    {Check::kCrashes, "V35", "A callback ends the process",
     "A signal, an abort or an exit inside the VSP: on a host it takes every virtual machine along.",
     "Run the tests of the VSP under AddressSanitizer, or look at where it stopped with a debugger."},
    {Check::kHangs, "V36", "A callback does not return",
     "An endless loop, or a wait for something that cannot happen while the library waits for the callback.",
     "Wait for nothing in callbacks: above all not for a lock whose holder calls the library."},
    {Check::kForgetsTooEarly, "V37", "A packet cannot be saved once it is completed during a save",
     "The packet was in use at the cut, so that SavePacket may still be called for it: what it needs then was freed, "
     "cleared or used again, and the save fails or loses the state.",
     "Keep the state in the packet's client context. What that points to may be used again for a new packet, as none "
     "comes before SaveEnd, and be freed in release."},
    {Check::kTellsAnotherStatus, "V38", "A completion tells another status",
     "The backend is done with a request, and the completion tells a failure as a success or a success as a failure, "
     "or is one that outcome does not understand: the guest goes on with data that is not there, or repeats what was "
     "done.",
     "Put the status that complete is given into the completion, and read it in outcome from the same place."},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].check) != i + 1) return false;
  }
  return true;
}
static_assert(is_in_order());

}  // namespace

std::span<const CheckInfo> checks() noexcept { return kTable; }

const CheckInfo& check_info(Check check) noexcept { return kTable[static_cast<std::size_t>(check) - 1]; }

const char* call_name(Call call) noexcept {
  switch (call) {
    case Call::kNone:
      return "no call";
    case Call::kSetUp:
      return "configure";
    case Call::kProcess:
      return "ProcessPacket";
    case Call::kDeliver:
      return "deliver";
    case Call::kSizing:
      return "SavePacket, first call";
    case Call::kSaving:
      return "SavePacket, second call";
    case Call::kRestore:
      return "RestorePacket";
    case Call::kReissue:
      return "reissue";
    case Call::kComplete:
      return "complete";
    case Call::kReference:
      return "encode, outcome or reference_state";
    case Call::kTearDown:
      return "release";
  }
  return "?";
}

}  // namespace vmbsave::verify
