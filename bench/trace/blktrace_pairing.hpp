#pragma once

#include <compare>
#include <cstdint>
#include <set>

#include "trace/blktrace_record.hpp"

namespace vmbsave::trace {

/// Makes requests of the events of all CPUs, which it takes in the order of time. A completion is that of the request
/// on its device, with its operation and first sector, and as long: of the earliest if there are several. A longer one
/// it completes in part. A completion of nothing is left out: its request came before the trace began.
class BlktracePairing {
 public:
  /// submission: what counts as one, kIssued or kQueued. completed: whether some request completes; else none is waited
  /// for.
  BlktracePairing(BlktraceKind submission, bool completed) : submission_(submission), completed_(completed) {}

  void take(const BlktraceEvent& event);

  Spool<Request> requests() && { return std::move(requests_); }

 private:
  // What of a request is not complete yet.
  struct Open {
    std::uint32_t device;
    Operation operation;
    std::uint64_t sector;
    std::uint32_t bytes;
    std::uint64_t request;  // its number
    auto operator<=>(const Open&) const = default;

    bool is_beside(const Open& other) const {
      return device == other.device && operation == other.operation && sector == other.sector;
    }
    Open behind(std::uint32_t done) const {
      return {device, operation, sector + done / kSectorBytes, bytes - done, request};
    }
  };
  using Opens = std::set<Open>;

  static Open open_of(const BlktraceEvent& event, std::uint64_t request);

  void submit(const BlktraceEvent& event);
  void requeue(const BlktraceEvent& event);
  void complete(const BlktraceEvent& event);
  Opens::iterator find(const Open& completed) const;

  const BlktraceKind submission_;
  const bool completed_;
  Spool<Request> requests_;
  Opens open_;
  Opens requeued_;  // of the open ones: will be issued once more
  std::uint64_t start_ns_ = 0;
};

}  // namespace vmbsave::trace
