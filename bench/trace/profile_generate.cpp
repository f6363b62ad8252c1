#include <algorithm>
#include <random>

#include "trace/profile.hpp"
#include "trace/profile_names.hpp"

namespace vmbsave::trace {
namespace {

// std distributions may differ between libraries; this does not.
class Draw {
 public:
  double share() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  std::uint64_t below(std::uint64_t bound) { return static_cast<std::uint64_t>(share() * static_cast<double>(bound)); }

 private:
  std::mt19937_64 engine_{20260101};
};

// One of `entries`, each as often as its requests, `total` in all.
template <class Entry>
std::size_t draw_by_requests(const std::vector<Entry>& entries, std::uint64_t total, Draw& draw) {
  std::uint64_t at = draw.below(total);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (at < entries[i].requests) return i;
    at -= entries[i].requests;
  }
  return entries.size() - 1;
}

template <class Entry>
std::uint64_t total_of(const std::vector<Entry>& entries) {
  std::uint64_t total = 0;
  for (const Entry& entry : entries) total += entry.requests;
  return total;
}

std::uint64_t level_at(const std::vector<Level>& levels, double share) {
  return std::find_if(levels.begin(), levels.end(), [&](const Level& level) { return share <= level.share; })->in_use;
}

class Generator {
 public:
  explicit Generator(const Profile& profile)
      : profile_(profile), of_sizes_(total_of(profile.sizes)), of_queues_(total_of(profile.queues)) {}

  Trace run() {
    constexpr std::uint64_t kBursts = 200;
    constexpr std::uint64_t kMostDrawn = std::uint64_t{1} << 22;  // of a high peak there are fewer
    const std::uint64_t peak = profile_.arrivals.back().in_use;
    const std::uint64_t bursts = std::clamp<std::uint64_t>(kMostDrawn / peak, 1, kBursts);
    trace_.format = "profile";
    trace_.service_time_ns = profile_.service_time_ns;
    for (std::uint64_t i = 0; i + 1 < bursts; ++i) burst(level_at(profile_.arrivals, draw_.share() * 0.999));
    burst(peak);
    for (std::size_t queue = 0; queue < profile_.queues.size(); ++queue) {
      trace_.queues.push_back(static_cast<std::uint16_t>(queue));
    }
    return std::move(trace_);
  }

 private:
  // Two queues share a burst as they did at the peak of the Open-CAS trace: 777 and 321 of 1,098.
  void burst(std::uint64_t requests) {
    constexpr std::uint64_t kBetweenNs = 1000;
    const std::uint16_t first = draw_queue();
    const std::uint16_t second = draw_queue();
    for (std::uint64_t i = 0; i < requests; ++i) {
      Request request{};
      request.submit_ns = now_ns_ + i * kBetweenNs;
      request.complete_ns = kNoCompletion;
      const std::uint64_t lba = draw_.below(std::uint64_t{1} << 26);
      request.lba = profile_.kind == ProfileKind::kNetwork ? 0 : lba;  // frames lie nowhere
      request.tag = trace_.requests.size() & 0xFF;
      request.bytes = profile_.sizes[draw_by_requests(profile_.sizes, of_sizes_, draw_)].bytes;
      request.queue = draw_.share() < 777.0 / 1098.0 ? first : second;
      request.operation = draw_operation();
      trace_.requests.push_back(request);
    }
    now_ns_ += requests * kBetweenNs + 2 * profile_.service_time_ns;
  }

  // Queues are numbered without the gaps that they have in the trace.
  std::uint16_t draw_queue() {
    return static_cast<std::uint16_t>(profile_.queues_drawn_evenly
                                          ? draw_.below(profile_.queues.size())
                                          : draw_by_requests(profile_.queues, of_queues_, draw_));
  }

  Operation draw_operation() {
    const Operation first = operations_of(profile_.kind)[0];
    const Operation second = operations_of(profile_.kind)[1];
    const auto count = [&](Operation operation) {
      return static_cast<double>(profile_.operations[static_cast<std::size_t>(operation)]);
    };
    return draw_.share() < count(first) / (count(first) + count(second)) ? first : second;
  }

  const Profile& profile_;
  const std::uint64_t of_sizes_;
  const std::uint64_t of_queues_;
  Draw draw_;
  Trace trace_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace

Trace generate(const Profile& profile) { return Generator(profile).run(); }

Trace from_profile(const std::string& name) { return generate(built_in_profile(name)); }

}  // namespace vmbsave::trace
