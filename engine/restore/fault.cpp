#include "vmbsave/restore.hpp"

namespace vmbsave {
namespace {

struct Meaning {
  Status status;
  const char* text;
};

constexpr Meaning meaning_of(RestoreFault fault) noexcept {
  switch (fault) {
    case RestoreFault::kNone:
      return {Status::kSuccess, "nothing is wrong"};
    case RestoreFault::kTooLarge:
      return {Status::kInvalidBufferSize, "more bytes than allowed"};
    case RestoreFault::kNotAnImage:
      return {Status::kInvalidImageFormat, "not an image: a chunk does not begin with VMBS"};
    case RestoreFault::kVersion:
      return {Status::kRevisionMismatch, "another version of the format"};
    case RestoreFault::kFeature:
      return {Status::kRevisionMismatch, "a required feature is not known here"};
    case RestoreFault::kLengths:
      return {Status::kInvalidBufferSize, "lengths that contradict each other"};
    case RestoreFault::kMissingTail:
      return {Status::kInvalidBufferSize, "it ends before its last chunk"};
    case RestoreFault::kChecksum:
      return {Status::kCrcError, "the checksum of a chunk does not match"};
    case RestoreFault::kTrailingBytes:
      return {Status::kDataError, "bytes behind the last chunk"};
    case RestoreFault::kOrder:
      return {Status::kDataError, "a chunk where another one belongs"};
    case RestoreFault::kCounts:
      return {Status::kDataError, "numbers of packets or chunks that contradict each other"};
    case RestoreFault::kRecord:
      return {Status::kDataError, "a record that does not lie whole in its block, or contradicts itself"};
    case RestoreFault::kNumbering:
      return {Status::kDataError, "a packet with a number that its channel had not given yet"};
    case RestoreFault::kDirectory:
      return {Status::kDataError, "a directory that does not name each record once, in order of arrival"};
    case RestoreFault::kDuplicateTransaction:
      return {Status::kObjectNameCollision, "a transaction id twice"};
    case RestoreFault::kChannels:
      return {Status::kInvalidParameter, "another number of channels than the virtual machine has"};
    case RestoreFault::kPacketLimit:
      return {Status::kQuotaExceeded, "more packets than the channel holds"};
    case RestoreFault::kPayloadLimit:
      return {Status::kInvalidBufferSize, "a queued packet that is longer than the channel's packets"};
    case RestoreFault::kBudget:
      return {Status::kQuotaExceeded, "a channel that is larger than the memory allowed for it"};
    case RestoreFault::kInUse:
      return {Status::kInvalidDeviceState, "the channel has packets in use, or was restored before"};
    case RestoreFault::kNoCallback:
      return {Status::kInvalidDeviceState, "packets for a channel without RestorePacket"};
    case RestoreFault::kBusy:
      return {Status::kDeviceBusy, "a save of the virtual machine runs"};
    case RestoreFault::kNoMemory:
      return {Status::kInsufficientResources, "not enough memory"};
    case RestoreFault::kException:
      return {Status::kUnhandledException, "a callback threw"};
    case RestoreFault::kRefused:
      return {Status::kUnsuccessful, "RestorePacket failed"};
    case RestoreFault::kContract:
      return {Status::kInvalidDeviceRequest, "RestorePacket succeeded without one VmbPacketRestore of its own LibBuf"};
    case RestoreFault::kUnreadable:
      return {Status::kUnsuccessful, "the source of the bytes failed"};
  }
  return {Status::kUnsuccessful, "?"};
}

}  // namespace

const char* restore_fault_text(RestoreFault fault) noexcept { return meaning_of(fault).text; }
Status restore_fault_status(RestoreFault fault) noexcept { return meaning_of(fault).status; }

}  // namespace vmbsave
