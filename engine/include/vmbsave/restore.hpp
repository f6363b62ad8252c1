/// @file restore.hpp
/// What a restore of a whole image is given, what it reports, and why an image is refused.
#pragma once

#include <cstdint>

#include "vmbsave/status.hpp"

#ifndef _WIN32
#pragma GCC visibility push(default)  // a shared library exports what is declared from here on
#endif

namespace vmbsave {

class Executor;

/// Why an image, or the stream of one channel, was not restored. A reader looks for them in this order, but for the
/// last ones: nothing is decoded before size, magic, version, lengths and checksum have been checked.
enum class RestoreFault : std::uint8_t {
  kNone,
  kTooLarge,              ///< more bytes than RestoreOptions::max_bytes
  kNotAnImage,            ///< a chunk does not begin with the magic
  kVersion,               ///< another version of the format
  kFeature,               ///< a feature is required that this reader does not know
  kLengths,               ///< lengths that contradict each other
  kMissingTail,           ///< it ends before its last chunk
  kChecksum,              ///< the checksum of a chunk does not match
  kTrailingBytes,         ///< bytes behind the last chunk
  kOrder,                 ///< a chunk where another one belongs
  kCounts,                ///< numbers of packets or chunks that contradict each other
  kRecord,                ///< a record that does not lie whole in its block, or contradicts itself
  kNumbering,             ///< a packet with a number that its channel had not given yet
  kDirectory,             ///< a directory that does not name each record once, in order of arrival
  kDuplicateTransaction,  ///< a transaction id twice among packets that await a completion
  kChannels,              ///< another number of channels than the virtual machine has
  kPacketLimit,           ///< more packets than the channel holds
  kPayloadLimit,          ///< a queued packet that is longer than the channel's packets
  kBudget,                ///< a channel that is larger than the memory allowed for it
  kInUse,                 ///< the channel has packets in use, or was restored before
  kNoCallback,            ///< packets for a channel without RestorePacket
  kBusy,                  ///< a save of the virtual machine runs
  kNoMemory,              ///< no memory
  kException,             ///< a callback threw
  kRefused,               ///< RestorePacket failed with a status of its own
  kContract,              ///< RestorePacket succeeded without one VmbPacketRestore of its own LibBuf
  kUnreadable,            ///< the source of the bytes failed
};

/// What a fault means.
///
/// @param fault  the fault
/// @return such as "the checksum of a chunk does not match"
const char* restore_fault_text(RestoreFault fault) noexcept;

/// The status that stands for a fault.
///
/// @param fault  the fault
/// @return such as kCrcError. kUnsuccessful for kRefused and kUnreadable, whose statuses come from elsewhere
Status restore_fault_status(RestoreFault fault) noexcept;

/// How an image is restored.
struct RestoreOptions {
  Executor* executor = nullptr;                      ///< nullptr: the calling thread alone; else channels in parallel
  std::uint64_t max_bytes = std::uint64_t{1} << 36;  ///< size cap of the image, checked before anything else
};

/// What became of a restore.
struct RestoreReport {
  /// RestoreReport::channel of a fault that is the whole image's.
  static constexpr std::uint32_t kNoChannel = 0xFFFFFFFFu;

  Status status = Status::kSuccess;          ///< of the whole
  RestoreFault fault = RestoreFault::kNone;  ///< why it failed; of several channels, the lowest one's
  std::uint32_t channel = kNoChannel;        ///< number of the channel that failed
  std::uint64_t offset = 0;                  ///< in the image, of the chunk that failed
  std::uint64_t transaction_id = 0;          ///< of the packet, for kRefused and kContract
  std::uint64_t packets = 0;                 ///< restored, or found good; 0 after a failure
  std::uint64_t restore_ns = 0;              ///< how long it took
  std::uint64_t check_ns = 0;                ///< of it: streams were checked, before their RestorePackets ran
};

}  // namespace vmbsave

#ifndef _WIN32
#pragma GCC visibility pop
#endif
