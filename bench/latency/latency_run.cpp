#include "latency/latency_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "harness/allocation_counter.hpp"
#include "harness/cache.hpp"
#include "harness/hiccup.hpp"
#include "harness/huge_pages.hpp"
#include "harness/page_faults.hpp"

namespace vmbsave::bench {
namespace {

// Enough of the slow neighbours for an interval, not more. In a cold row both are slow: each has the caches flushed and
// pauses before it runs, which leaves nothing of one save to the next anyway.
constexpr std::uint64_t kMostSequentialSaves = 64;
constexpr std::uint64_t kMostColdSequentialSaves = 32;
constexpr std::uint64_t kMostColdFloorSaves = 128;
constexpr std::uint64_t kMostCountedSaves = 100;
constexpr std::uint64_t kFewCountedSaves = 21;  // as few as have a median, of what is no engine
constexpr std::uint64_t kMostHiccupWindows = 1000;
constexpr std::uint64_t kFewestHiccupWindows = 100;
constexpr std::uint64_t kLongestListeningNs = 3'000'000'000;
constexpr std::chrono::milliseconds kColdPause{2};  // workers fall asleep, too

double ratio(std::uint64_t a, std::uint64_t b) {
  return static_cast<double>(a) / static_cast<double>(std::max<std::uint64_t>(b, 1));
}

std::uint64_t middle(std::vector<std::uint64_t> values) {
  const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  return *half;
}

void expect_no_difference_of(const Implementation& implementation) {
  const std::string difference = implementation.difference();
  if (!difference.empty()) throw std::runtime_error(fmt::format("{}: {}", implementation.name(), difference));
}

}  // namespace

std::size_t hiccup_windows(std::size_t saves, std::uint64_t window_ns) noexcept {
  const std::uint64_t in_time = kLongestListeningNs / std::max<std::uint64_t>(window_ns, 1);
  return std::min<std::uint64_t>(saves, std::clamp(in_time, kFewestHiccupWindows, kMostHiccupWindows));
}

LatencyRun::LatencyRun(Contestants contestants, std::uint64_t saves, bool cold, bool first_touch)
    : contestants_(std::move(contestants)),
      saves_(saves),
      floor_pairs_(std::min(saves, cold ? kMostColdFloorSaves : saves)),
      sequential_pairs_(std::min(saves, cold ? kMostColdSequentialSaves : kMostSequentialSaves)),
      cold_(cold),
      first_touch_(first_touch) {
  samples_.first_save_ns = contestants_.subject->save();
  contestants_.floor->save();
  contestants_.sequential->save();
  if (contestants_.engine) contestants_.engine->save();
  expect_no_difference();
  samples_.image_bytes = contestants_.subject->image_bytes();
  samples_.save_ns.reserve(saves);
  samples_.page_faults.reserve(saves);
  samples_.ratio_to_floor.reserve(floor_pairs_);
  if (contestants_.engine) samples_.ratio_to_engine.reserve(floor_pairs_);
  samples_.times_faster_than_documented_sequential.reserve(sequential_pairs_);
  if (contestants_.subject->report() == nullptr) return;
  for (auto& phase : samples_.phase_ns) phase.reserve(saves);
}

void LatencyRun::make_ready(Implementation& implementation) const {
  if (first_touch_) implementation.forget();
  if (!cold_) return;
  flush_from_caches(contestants_.packet_memory);
  flush_from_caches(implementation.image_memory());
  std::this_thread::sleep_for(kColdPause);
}

std::uint64_t LatencyRun::run_neighbour(Implementation& implementation) const {
  make_ready(implementation);
  return implementation.save();
}

std::uint64_t LatencyRun::run_subject() {
  make_ready(*contestants_.subject);
  const std::uint64_t faults = page_faults();
  const std::uint64_t ns = contestants_.subject->save();
  samples_.page_faults.push_back(page_faults() - faults);
  samples_.save_ns.push_back(ns);
  note_report();
  return ns;
}

void LatencyRun::note_report() {
  const SaveReport* const report = contestants_.subject->report();
  if (report == nullptr) return;
  samples_.plan = report->plan;
  samples_.threads_taken = report->threads;
  samples_.memory_used = report->memory_used;
  samples_.memory_mapped = report->memory_mapped;
  for (unsigned p = 0; p < kSavePhases; ++p) samples_.phase_ns[p].push_back(report->phase_ns[p]);
}

bool LatencyRun::has_turn(std::uint64_t pairs) const noexcept {
  return samples_.save_ns.size() * pairs % saves_ < pairs;
}

std::uint64_t LatencyRun::save() {
  const bool with_floor = has_turn(floor_pairs_);
  const bool with_sequential = has_turn(sequential_pairs_);
  const bool floor_first = with_floor && (order_() & 1) != 0;
  std::uint64_t floor_ns = 0;
  if (floor_first) floor_ns = run_neighbour(*contestants_.floor);
  const std::uint64_t ns = run_subject();
  if (with_floor) {
    if (!floor_first) floor_ns = run_neighbour(*contestants_.floor);
    samples_.ratio_to_floor.push_back(ratio(ns, floor_ns));
  }
  if (with_floor && contestants_.engine) {
    samples_.ratio_to_engine.push_back(ratio(ns, run_neighbour(*contestants_.engine)));
  }
  if (with_sequential) {
    samples_.times_faster_than_documented_sequential.push_back(ratio(run_neighbour(*contestants_.sequential), ns));
  }
  return ns;
}

void LatencyRun::expect_no_difference() const {
  expect_no_difference_of(*contestants_.subject);
  expect_no_difference_of(*contestants_.floor);
  expect_no_difference_of(*contestants_.sequential);
  if (contestants_.engine) expect_no_difference_of(*contestants_.engine);
}

void LatencyRun::count_allocator_calls() {
  if (!counts_allocator_calls()) return;
  const std::uint64_t most = contestants_.subject->report() == nullptr ? kFewCountedSaves : kMostCountedSaves;
  for (std::uint64_t i = 0; i < std::min(saves_, most); ++i) {
    if (first_touch_) contestants_.subject->forget();
    start_counting();
    contestants_.subject->save();
    samples_.allocator_calls.push_back(stop_counting());
  }
}

report::RowSamples LatencyRun::finish() {
  expect_no_difference();
  count_allocator_calls();
  if (!samples_.save_ns.empty()) {
    const std::uint64_t window_ns = middle(samples_.save_ns);
    samples_.hiccup_ns = largest_gaps(window_ns, hiccup_windows(samples_.save_ns.size(), window_ns));
  }
  samples_.huge_page_bytes = huge_page_bytes(contestants_.subject->image_memory());
  return std::move(samples_);
}

}  // namespace vmbsave::bench
