// load_stamps.hpp: when each completion of a phase began and ended, kept while it runs and sorted into a time line
// behind it.
#pragma once

#include <algorithm>

#include "scenarios/save_under_load/load_spec.hpp"
#include "scenarios/save_under_load/ticks.hpp"
#include "scenarios/save_under_load/time_span.hpp"

namespace vmbsave::bench {

struct LoadStamps {
  TimeSpans complete;  // timed calls of complete(): by the VSP's thread
  TimeSpans by_vsp;    // deliveries, from the intended completion (closed loop: the call)
  TimeSpans by_saver;  // likewise
  TimeSpans saves;     // from the cut until the guest has been told

  explicit LoadStamps(const LoadSpec& spec)
      : complete(most(spec)),
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

  // More packets than there are: one every 80 ns.
  static std::uint64_t most(const LoadSpec& spec) { return std::min(spec.phase_ns / 80, kMostSpans); }
};

}  // namespace vmbsave::bench
