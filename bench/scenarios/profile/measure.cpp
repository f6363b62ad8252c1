#include "scenarios/profile/measure.hpp"

#include <algorithm>
#include <cmath>

#include "scenarios/profile/level_counts.hpp"
#include "scenarios/profile/size_counts.hpp"
#include "scenarios/profile/time_line.hpp"
#include "scenarios/replay/schedule.hpp"

namespace vmbsave::profile {
namespace {

using trace::Operation;
using trace::Profile;
using trace::Request;

std::uint64_t& count_of(Profile& profile, Operation operation) {
  return profile.operations[static_cast<std::size_t>(operation)];
}

// Requests of the busiest second, one of those that begin with the trace and follow each other.
class BusiestSecond {
 public:
  void add(std::uint64_t submit_ns) {
    constexpr std::uint64_t kSecondNs = 1'000'000'000;
    const std::uint64_t start = submit_ns / kSecondNs * kSecondNs;
    if (start != start_ns_) requests_ = 0;
    start_ns_ = start;
    if (++requests_ > most_) {
      most_ = requests_;
      most_start_ns_ = start;
    }
  }

  void put_into(Profile& profile) const {
    profile.busiest_second_start_ns = most_start_ns_;
    profile.busiest_second_requests = most_;
  }

 private:
  std::uint64_t start_ns_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t most_start_ns_ = 0;
  std::uint64_t most_ = 0;
};

// What the requests are, one by one.
class Requests {
 public:
  Requests(const Options& options, Profile& profile) : options_(options), profile_(profile) {}

  void count(const trace::Trace& trace) {
    for (const Request& request : trace.requests) add(request);
    profile_.format = trace.format;
    profile_.requests = trace.requests.size();
    profile_.span_ns = last_submit_ns_;
    busiest_.put_into(profile_);
    if (count_of(profile_, Operation::kTransmit) + count_of(profile_, Operation::kReceive) != 0) {
      profile_.kind = trace::ProfileKind::kNetwork;
    }
    put_sizes();
    put_queues();
    put_service_time();
  }

 private:
  void add(const Request& request) {
    ++count_of(profile_, request.operation);
    if (request.operation != Operation::kDiscard) sizes_.add(request.bytes);
    ++of_queue_[request.queue];
    busiest_.add(request.submit_ns);
    last_submit_ns_ = request.submit_ns;
    if (options_.service_time_ns || request.complete_ns == trace::kNoCompletion) return;
    ++profile_.completed;
    latency_ns_ += static_cast<double>(request.complete_ns - request.submit_ns);
  }

  void put_sizes() {
    profile_.size_step = sizes_.step();
    profile_.min_count = options_.min_count;
    for (const trace::SizeShare& size : sizes_.sorted()) {
      if (size.requests >= options_.min_count) {
        profile_.sizes.push_back(size);
      } else {
        ++profile_.left_out_sizes;
        profile_.left_out_requests += size.requests;
      }
    }
  }

  void put_queues() {
    for (std::size_t queue = 0; queue < of_queue_.size(); ++queue) {
      if (of_queue_[queue] != 0) profile_.queues.push_back({static_cast<std::uint16_t>(queue), of_queue_[queue]});
    }
  }

  void put_service_time() {
    constexpr double kMicrosecondNs = 1000;
    profile_.service_time_ns = options_.service_time_ns.value_or(0);
    if (profile_.completed == 0) return;
    const double microseconds = std::round(latency_ns_ / static_cast<double>(profile_.completed) / kMicrosecondNs);
    profile_.service_time_ns = static_cast<std::uint64_t>(std::max(1.0, microseconds) * kMicrosecondNs);
  }

  const Options& options_;
  Profile& profile_;
  SizeCounts sizes_;
  std::vector<std::uint64_t> of_queue_ = std::vector<std::uint64_t>(std::size_t{UINT16_MAX} + 1);
  BusiestSecond busiest_;
  std::uint64_t last_submit_ns_ = 0;
  double latency_ns_ = 0;
};

// How many are in use when requests arrive, and over time.
void measure_in_use(const replay::Schedule& schedule, Profile& profile) {
  const replay::Survey survey = schedule.survey(1, [](std::uint32_t, std::uint32_t) { return 0u; });
  TimeLine time_line(survey.end_ns);
  LevelCounts arrivals;
  LevelCounts over_time;
  std::uint64_t in_use = 0;
  std::uint64_t now_ns = 0;
  schedule.for_each_event(UINT64_MAX, [&](const replay::Event& event) {
    over_time.add(in_use, event.time_ns - now_ns);
    time_line.hold(in_use, event.time_ns);
    now_ns = event.time_ns;
    if (event.submit) arrivals.add(in_use + 1, 1);
    if (event.instant) return true;
    in_use = event.submit ? in_use + 1 : in_use - 1;
    if (event.submit) time_line.reach(in_use);
    return true;
  });
  profile.arrivals = arrivals.levels();
  profile.peak = survey.peak;
  profile.peak_at_ns = survey.peak_time_ns;
  profile.end_ns = survey.end_ns;
  profile.mean = time_line.mean();
  profile.over_time = over_time.levels();
  profile.bucket_ns = time_line.bucket_ns();
  profile.bucket_means = time_line.means();
  profile.bucket_peaks = time_line.peaks();
}

}  // namespace

Profile measure(const trace::Trace& trace, const Options& options) {
  Profile profile;
  profile.name = options.name;
  profile.source = options.source;
  profile.credit = options.credit;
  Requests(options, profile).count(trace);
  measure_in_use(replay::Schedule(trace, options.service_time_ns, {}), profile);
  return profile;
}

}  // namespace vmbsave::profile
