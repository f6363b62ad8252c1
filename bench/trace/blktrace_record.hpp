#pragma once

#include <optional>
#include <span>

#include "trace/readers.hpp"

namespace vmbsave::trace {

/// A record of blktrace as it lies in the file (blk_io_trace of the Linux headers); `payload_bytes` of it follow.
struct BlktraceRecord {
  std::uint32_t magic;
  std::uint32_t sequence;
  std::uint64_t time_ns;
  std::uint64_t sector;
  std::uint32_t bytes;
  std::uint32_t action;  // what happened in the lower half, to what kind of request in the upper one
  std::uint32_t pid;
  std::uint32_t device;
  std::uint32_t cpu;
  std::uint16_t error;
  std::uint16_t payload_bytes;
};
static_assert(sizeof(BlktraceRecord) == 48);

enum class BlktraceKind : std::uint8_t { kQueued, kIssued, kRequeued, kCompleted };  // in order at one instant

/// What a record says about a request.
struct BlktraceEvent {
  std::uint64_t time_ns;
  std::uint64_t sector;
  std::uint32_t bytes;  // of a completion: that completed
  std::uint32_t device;
  std::uint32_t sequence;
  std::uint16_t cpu;
  BlktraceKind kind;
  Operation operation;
};

/// The record that `bytes` hold. Throws TraceError if it is none of version 7, little-endian.
BlktraceRecord decode_blktrace(std::span<const char, sizeof(BlktraceRecord)> bytes, const Place& place);

/// None for all that is neither of the four kinds nor of a request with data: messages, merges, flushes, SCSI commands
/// that programs send. Throws TraceError for anything that no such record can hold.
std::optional<BlktraceEvent> event_of(const BlktraceRecord& record, const Place& place);

}  // namespace vmbsave::trace
