#include "trace/blktrace_pairing.hpp"

#include <algorithm>
#include <iterator>

namespace vmbsave::trace {

void BlktracePairing::take(const BlktraceEvent& event) {
  if (event.kind == submission_) return submit(event);
  if (event.kind == BlktraceKind::kCompleted) return complete(event);
  // A device that queues again what it could not issue says so of requests, not of what was queued for them.
  if (event.kind == BlktraceKind::kRequeued && submission_ == BlktraceKind::kIssued) requeue(event);
}

BlktracePairing::Open BlktracePairing::open_of(const BlktraceEvent& event, std::uint64_t request) {
  return {event.device, event.operation, event.sector, event.bytes, request};
}

void BlktracePairing::submit(const BlktraceEvent& event) {
  const auto again = requeued_.lower_bound(open_of(event, 0));
  if (again != requeued_.end() && again->is_beside(open_of(event, 0)) && again->bytes == event.bytes) {
    requeued_.erase(again);  // in use since it was issued first
    return;
  }
  if (requests_.empty()) start_ns_ = event.time_ns;
  if (completed_) open_.insert(open_of(event, requests_.size()));
  requests_.push_back({.submit_ns = event.time_ns - start_ns_,
                       .complete_ns = kNoCompletion,
                       .lba = event.sector,
                       .tag = event.sequence,
                       .bytes = event.bytes,
                       .first_byte = 0,
                       .queue = event.cpu,
                       .operation = event.operation});
}

void BlktracePairing::requeue(const BlktraceEvent& event) {
  const auto found = find(open_of(event, 0));
  if (found != open_.end() && found->bytes == event.bytes) requeued_.insert(*found);
}

// In several steps where what was queued was merged into one request: its completion is that of all of them.
void BlktracePairing::complete(const BlktraceEvent& event) {
  for (Open completed = open_of(event, 0); completed.bytes > 0;) {
    const auto found = find(completed);
    if (found == open_.end()) return;
    const Open open = *found;
    const std::uint32_t done = std::min(open.bytes, completed.bytes);
    open_.erase(found);
    requeued_.erase(open);
    if (open.bytes > done) {
      open_.insert(open.behind(done));
    } else {
      requests_[open.request].complete_ns = event.time_ns - start_ns_;
    }
    completed = completed.behind(done);
  }
}

// As long; else the shortest that is longer; else, of what was queued, the longest that is shorter.
BlktracePairing::Opens::iterator BlktracePairing::find(const Open& completed) const {
  const auto found = open_.lower_bound(completed);
  if (found != open_.end() && found->is_beside(completed)) return found;
  if (submission_ == BlktraceKind::kIssued || found == open_.begin()) return open_.end();
  const auto shorter = std::prev(found);
  return shorter->is_beside(completed) ? shorter : open_.end();
}

}  // namespace vmbsave::trace
