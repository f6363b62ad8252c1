#include "scenarios/replay/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <deque>
#include <queue>
#include <stdexcept>
#include <tuple>

namespace vmbsave::replay {
namespace {

auto order(const Event& event) {
  const bool later = event.submit || event.instant;
  return std::tuple(event.time_ns, later, event.vm, event.record, !event.submit);
}

// The events of one VM, in order. Submissions are in order in the trace; what completes lies behind those that are in
// use now, so no more than these are kept.
class Stream {
 public:
  Stream(const Schedule& schedule, std::uint32_t vm)
      : schedule_(schedule), start_ns_(vm * schedule.replication().shift_ns), event_{0, false, false, 0, vm, false} {
    advance();
  }

  bool at_end() const { return at_end_; }
  const Event& event() const { return event_; }

  void advance() {
    const auto& requests = schedule_.trace().requests;
    if (event_.submit && event_.instant) {
      event_.submit = false;
    } else if (next_ < requests.size() && (due_.empty() || requests[next_].submit_ns < due_.top().time_ns)) {
      submit(requests[next_]);
    } else if (!due_.empty()) {
      const Due due = due_.top();
      due_.pop();
      take(due.time_ns, false, due.record);
      event_.settle = due.settle;
    } else {
      at_end_ = true;
    }
  }

 private:
  void submit(const trace::Request& request) {
    const std::uint64_t complete_ns = schedule_.completion(request);
    take(request.submit_ns, true, static_cast<std::uint32_t>(next_++));
    event_.instant = complete_ns == request.submit_ns;
    if (event_.instant || complete_ns == trace::kNoCompletion) return;
    due_.push({complete_ns, event_.record, false});
    const std::uint64_t settle_ns = schedule_.carried_out(request);
    if (settle_ns != complete_ns) due_.push({settle_ns, event_.record, true});
  }

  void take(std::uint64_t time_ns, bool submit, std::uint32_t record) {
    event_.time_ns = start_ns_ + time_ns;
    event_.submit = submit;
    event_.instant = false;
    event_.settle = false;
    event_.record = record;
  }

  // What becomes of a request in use, and when.
  struct Due {
    std::uint64_t time_ns;
    std::uint32_t record;
    bool settle;
    auto operator<=>(const Due&) const = default;
  };

  const Schedule& schedule_;
  const std::uint64_t start_ns_;
  std::size_t next_ = 0;  // to be submitted
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Event event_;
  bool at_end_ = false;
};

}  // namespace

Schedule::Schedule(const trace::Trace& trace, std::optional<std::uint64_t> service_time_ns, Replication replication,
                   std::uint64_t completion_delay_ns)
    : trace_(trace),
      service_time_ns_(service_time_ns),
      replication_(replication),
      completion_delay_ns_(completion_delay_ns) {
  if (trace.requests.size() <= UINT32_MAX) return;
  throw std::runtime_error(fmt::format("{} requests: a replay takes at most {}", trace.requests.size(), UINT32_MAX));
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
  const auto is_later = [](const Stream* a, const Stream* b) { return order(a->event()) > order(b->event()); };
  std::priority_queue<Stream*, std::vector<Stream*>, decltype(is_later)> next(is_later);
  std::deque<Stream> streams;
  for (std::uint32_t vm = 0; vm < replication_.vms; ++vm) {
    Stream& stream = streams.emplace_back(*this, vm);
    if (!stream.at_end() && stream.event().time_ns <= until_ns) next.push(&stream);
  }
  while (!next.empty()) {
    Stream& stream = *next.top();
    next.pop();
    if (!visit(stream.event())) return;
    stream.advance();
    if (!stream.at_end() && stream.event().time_ns <= until_ns) next.push(&stream);
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
