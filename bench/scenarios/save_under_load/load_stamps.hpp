// load_stamps.hpp: when each completion of a phase began and ended, kept while it runs and sorted into a time line
// behind it.
#pragma once

#include <algorithm>

#include "base/bytes.hpp"
#include "scenarios/save_under_load/load_spec.hpp"
#include "scenarios/save_under_load/ticks.hpp"
#include "scenarios/save_under_load/time_span.hpp"

namespace vmbsave::bench {

struct LoadStamps {
  // Of the VSP's thread.
  alignas(base::kCacheLine) TimeSpans complete;  // timed calls of complete()
  TimeSpans by_vsp;                              // deliveries, from the intended completion (closed loop: the call)
  // Of the saver's.
  alignas(base::kCacheLine) TimeSpans by_saver;  // deliveries likewise
  TimeSpans saves;                               // from the cut until the guest has been told

  explicit LoadStamps(const LoadSpec& spec)
      : complete(most(spec) / std::max<std::uint64_t>(spec.measured_every, 1)),
        by_vsp(most(spec)),
        by_saver(most(spec) / 4),
        saves(std::min(spec.phase_ns / std::max<std::uint64_t>(spec.gap_ns, 1) + 1, kMostSpans)) {}

  void clear() noexcept {
    for (TimeSpans* const spans : {&complete, &by_vsp, &by_saver, &saves}) spans->clear();
  }
  void to_ns(const Ticks& clock) noexcept {
    for (TimeSpans* const spans : {&complete, &by_vsp, &by_saver, &saves}) {
      for (TimeSpan& span : spans->spans()) span = {clock.to_ns(span.begin), clock.to_ns(span.end)};
    }
  }

 private:
  static constexpr std::uint64_t kMostSpans = std::uint64_t{3} << 19;  // 24 MiB of each kind

  // A packet every 80 ns, which is more than there are, or as many as there is room for.
  static std::uint64_t most(const LoadSpec& spec) { return std::min(spec.phase_ns / 80, kMostSpans); }
};

}  // namespace vmbsave::bench
