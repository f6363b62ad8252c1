#include "scenarios/replay/schedule.hpp"

#include <algorithm>
#include <tuple>

namespace vmbsave::replay {
namespace {

auto order(const Event& event) {
  const bool later = event.submit || event.instant;
  return std::tuple(event.time_ns, later, event.vm, event.record, !event.submit);
}

// Where one VM stands in its events.
struct Cursor {
  Event next;
  std::size_t index;
  bool operator>(const Cursor& other) const { return order(next) > order(other.next); }
};

}  // namespace

Schedule::Schedule(const trace::Trace& trace, std::optional<std::uint64_t> service_time_ns, Replication replication,
                   std::uint64_t completion_delay_ns)
    : trace_(trace),
      service_time_ns_(service_time_ns),
      replication_(replication),
      completion_delay_ns_(completion_delay_ns) {
  events_.reserve(trace.requests.size() * 2);
  for (std::uint32_t record = 0; record < trace.requests.size(); ++record) {
    const trace::Request& request = trace.requests[record];
    const std::uint64_t complete = completion(request);
    const bool instant = complete == request.submit_ns;
    events_.push_back({request.submit_ns, true, instant, record, 0});
    if (complete != trace::kNoCompletion) events_.push_back({complete, false, instant, record, 0});
    if (const std::uint64_t settled = carried_out(request); settled < complete) {
      events_.push_back({settled, false, settled == request.submit_ns, record, 0, true});
    }
  }
  std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) { return order(a) < order(b); });
}

std::uint64_t Schedule::carried_out(const trace::Request& request) const noexcept {
  return service_time_ns_ ? request.submit_ns + *service_time_ns_ : request.complete_ns;
}

std::uint64_t Schedule::completion(const trace::Request& request) const noexcept {
  const std::uint64_t done = carried_out(request);
  if (request.operation != trace::Operation::kTransmit || done == trace::kNoCompletion) return done;
  return done + completion_delay_ns_;
}

void Schedule::for_each_event(std::uint64_t until_ns, const Visit& visit) const {
  std::priority_queue<Cursor, std::vector<Cursor>, std::greater<>> cursors;
  const auto push = [&](std::uint32_t vm, std::size_t index) {
    if (index == events_.size()) return;
    Event event = events_[index];
    event.vm = vm;
    event.time_ns += vm * replication_.shift_ns;
    if (event.time_ns <= until_ns) cursors.push({event, index});
  };
  for (std::uint32_t vm = 0; vm < replication_.vms; ++vm) push(vm, 0);
  while (!cursors.empty()) {
    const Cursor cursor = cursors.top();
    cursors.pop();
    if (!visit(cursor.next)) return;
    push(cursor.next.vm, cursor.index + 1);
  }
}

Survey Schedule::survey(std::uint32_t channels, const ChannelOf& channel_of) const {
  Survey survey;
  survey.channel_peaks.resize(channels);
  std::vector<std::uint32_t> in_use(channels);
  std::uint64_t now = 0;
  for_each_event(UINT64_MAX, [&](const Event& event) {
    const std::uint32_t channel = channel_of(event.vm, event.record);
    survey.end_ns = event.time_ns;
    if (event.settle) return true;
    if (!event.submit) {
      if (!event.instant) --now;
      --in_use[channel];
      return true;
    }
    survey.channel_peaks[channel] = std::max(survey.channel_peaks[channel], ++in_use[channel]);
    if (event.instant) return true;
    if (++now > survey.peak) {
      survey.peak = now;
      survey.peak_time_ns = event.time_ns;
    }
    return true;
  });
  return survey;
}

std::vector<Schedule::InUse> Schedule::in_use_at(std::uint64_t time_ns) const {
  struct Found {
    std::uint64_t submit_ns;
    InUse in_use;
  };
  std::vector<Found> found;
  for (std::uint32_t vm = 0; vm < replication_.vms; ++vm) {
    const std::uint64_t start = vm * replication_.shift_ns;
    if (start > time_ns) break;
    const std::uint64_t local = time_ns - start;
    for (std::uint32_t record = 0; record < trace_.requests.size(); ++record) {
      const trace::Request& request = trace_.requests[record];
      if (request.submit_ns > local) break;
      if (completion(request) > local)
        found.push_back({start + request.submit_ns, {vm, record, carried_out(request) <= local}});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.submit_ns < b.submit_ns; });
  std::vector<InUse> in_use;
  in_use.reserve(found.size());
  for (const Found& f : found) in_use.push_back(f.in_use);
  return in_use;
}

}  // namespace vmbsave::replay
