#include "trace/readers.hpp"
#include "trace/spool_sort.hpp"

namespace vmbsave::trace {
namespace {

bool submitted_before(const Request& a, const Request& b) { return a.submit_ns < b.submit_ns; }

}  // namespace

void sort_by_submission(Trace& trace) {
  sort_stably(trace.requests, submitted_before);
  const std::uint64_t start = trace.requests.front().submit_ns;
  for (Request& request : trace.requests) {
    request.submit_ns -= start;
    if (request.complete_ns != kNoCompletion) request.complete_ns -= start;
  }
}

}  // namespace vmbsave::trace
