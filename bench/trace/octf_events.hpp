#pragma once

#include <cstdint>

#include "trace/octf_source.hpp"

namespace vmbsave::trace {

enum class OctfKind : std::uint8_t { kSubmission, kFlush, kCompletion };

/// What one message of a queue's file says about a request.
struct OctfEvent {
  std::uint64_t time_ns;
  std::uint64_t sid;     // counts events over all queues
  std::uint64_t id;      // of the request
  std::uint64_t offset;  // of the message in its file
  std::uint16_t queue;   // whose file holds the message
  OctfKind kind;
  // Of a submission only:
  Operation operation = Operation::kRead;
  std::uint32_t bytes = 0;
  std::uint64_t lba = 0;
};

/// Appends the events of a queue's file; gives the number of its messages, of any kind. Throws TraceError for anything
/// but whole, well-formed messages.
std::uint64_t read_octf_events(const QueueFile& file, Spool<OctfEvent>& events);

}  // namespace vmbsave::trace
