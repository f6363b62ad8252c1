#include "scenarios/save_under_load/save_timeline.hpp"

#include <algorithm>

namespace vmbsave::bench {
namespace {

// For a gap of 15 ms: from 5 ms before the cut to 20 ms behind it, in bins of 0.5 ms.
constexpr std::uint64_t kBinsInAGap = 30;
constexpr std::uint64_t kBinsBefore = 10;
constexpr std::size_t kBins = 50;

std::int64_t from_cut(std::uint64_t at, const TimeSpan& save) { return static_cast<std::int64_t>(at - save.begin); }

}  // namespace

SaveTimeline::SaveTimeline(std::uint64_t bins_before, std::uint64_t bin_ns, std::size_t bins)
    : before_ns_(bins_before * bin_ns), bin_ns_(bin_ns), bins_(bins) {}

SaveTimeline SaveTimeline::around(std::uint64_t gap_ns) {
  return {kBinsBefore, std::max<std::uint64_t>(gap_ns / kBinsInAGap, 1), kBins};
}

SaveTimeline::Bin* SaveTimeline::bin_at(std::int64_t from_cut_ns) noexcept {
  const std::int64_t at = from_cut_ns + static_cast<std::int64_t>(before_ns_);
  if (at < 0) return nullptr;
  const std::uint64_t number = static_cast<std::uint64_t>(at) / bin_ns_;
  return number < bins_.size() ? &bins_[number] : nullptr;
}

void SaveTimeline::add_saves(std::uint64_t begin_ns, std::span<const TimeSpan> saves) {
  for (std::size_t i = 0; i < saves.size(); ++i) {
    const std::uint64_t until = i + 1 < saves.size() ? saves[i + 1].begin : saves[i].end;
    for (std::size_t b = 0; b < bins_.size(); ++b) {
      const std::uint64_t middle = saves[i].begin + b * bin_ns_ + bin_ns_ / 2 - before_ns_;
      if (middle >= begin_ns && middle < until) ++bins_[b].saves;
    }
  }
}

void SaveTimeline::add_calls(Histogram Times::*kind, std::span<const TimeSpan> saves, std::span<const TimeSpan> calls) {
  if (bins_.empty() || saves.empty()) return;
  for (const TimeSpan& call : calls) {
    if (call.begin >= saves.back().end) continue;
    const std::uint64_t took = call.end - call.begin;
    const auto next = std::upper_bound(saves.begin(), saves.end(), call.begin,
                                       [](std::uint64_t at, const TimeSpan& save) { return at < save.begin; });
    const TimeSpan* const last = next == saves.begin() ? nullptr : &*(next - 1);
    const TimeSpan* const coming = next == saves.end() ? nullptr : &*next;
    Bin* const behind = last == nullptr ? nullptr : bin_at(from_cut(call.begin, *last));
    Bin* const ahead = coming == nullptr ? nullptr : bin_at(from_cut(call.begin, *coming));
    if (behind != nullptr) (behind->times.*kind).add(took);
    if (ahead != nullptr) (ahead->times.*kind).add(took);
    if ((last != nullptr && call.begin < last->end) || (coming != nullptr && call.end > coming->begin)) {
      (during.*kind).add(took);
      continue;
    }
    if (behind != nullptr) (after.*kind).add(took);
    if (ahead != nullptr) (before.*kind).add(took);
  }
}

}  // namespace vmbsave::bench
