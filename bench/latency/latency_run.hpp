// latency_run.hpp: the saves of one row, beside those that they are compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "harness/small_pages.hpp"
#include "report/bench_report.hpp"
#include "scenarios/save_latency/implementation.hpp"

namespace vmbsave::bench {

// All over the same packets.
struct Contestants {
  std::unique_ptr<SmallPages> pages;           // of a row that has no others; goes last
  std::unique_ptr<Implementation> subject;     // what the row is about
  std::unique_ptr<Implementation> floor;       // a copy of the bytes, by the same executor
  std::unique_ptr<Implementation> sequential;  // the documented protocol
  std::unique_ptr<Implementation> engine;      // beside a peer only
  std::vector<std::span<const std::byte>> packet_memory;
};

// How many windows of idle time a row of so many saves listens to: one a save, up to 1000; fewer if they are so long
// that listening would take as long as all saves of a slow row.
std::size_t hiccup_windows(std::size_t saves, std::uint64_t window_ns) noexcept;

class LatencyRun {
 public:
  // Each contestant saves once, and each image is compared with the reference packets: throws std::runtime_error, in
  // one line, if one is not as it must be. `saves`: how often save() will be called. first_touch: each contestant
  // forgets its last image before it saves.
  LatencyRun(Contestants contestants, std::uint64_t saves, bool cold, bool first_touch = false);

  // One timed save, in nanoseconds, and its neighbours.
  std::uint64_t save();

  // Looks at the images again, as the constructor does, counts what is not counted while time is taken, and listens to
  // the machine's own hiccups. Once, after the last save().
  report::RowSamples finish();

 private:
  bool has_turn(std::uint64_t pairs) const noexcept;      // beside the next save
  void make_ready(Implementation& implementation) const;  // for a save in a cold row, or in one of first touches
  std::uint64_t run_neighbour(Implementation& implementation) const;
  std::uint64_t run_subject();
  void note_report();
  void expect_no_difference() const;
  void count_allocator_calls();

  const Contestants contestants_;
  const std::uint64_t saves_;
  const std::uint64_t floor_pairs_;       // at most so many saves have a floor beside them, evenly spread
  const std::uint64_t sequential_pairs_;  // likewise
  const bool cold_;
  const bool first_touch_;
  std::minstd_rand order_;  // of the neighbours: always seeded alike
  report::RowSamples samples_;
};

}  // namespace vmbsave::bench
