#include "verify/cost.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

#include "verify/heap.hpp"
#include "verify/text.hpp"

namespace vmbsave::verify {
namespace {

constexpr unsigned kTimedRounds = 8;
constexpr std::size_t kSlowest = 10;

struct Samples {
  std::uint64_t packets = 0;
  std::vector<std::uint64_t> sizing;
  std::vector<std::uint64_t> saving;
};

// The sample that `percent` of all do not exceed.
std::uint64_t percentile(const std::vector<std::uint64_t>& sorted, unsigned percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

CallTimes times_of(std::vector<std::uint64_t>& samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  return {percentile(samples, 50), percentile(samples, 99), samples.back()};
}

// Both calls of one packet. f(answer of the first, of the second or nullptr).
template <class Function>
void save_once(Course& course, const Examined& packet, Room& room, Function&& f) {
  JournalLane& lane = course.journals.lane(0);
  ++course.calls;
  const Answer sized = call_save(lane, packet.target, 0, room, room.in_the_midst(0));
  if (packet.bytes == 0) return f(sized, nullptr);
  ++course.calls;
  const Answer saved = call_save(lane, packet.target, 0, room, room.in_the_midst(packet.bytes));
  f(sized, &saved);
}

std::uint64_t both(const Examined& packet) noexcept {
  return packet.sizing_ns + (packet.bytes == 0 ? 0 : packet.saving_ns);
}

void report_sizes(std::map<std::uint32_t, Samples>& by_size, Report& report) {
  for (auto& [bytes, samples] : by_size) {
    report.sizes.push_back({bytes, samples.packets, times_of(samples.sizing), times_of(samples.saving)});
  }
}

void report_slowest(std::span<const Examined> packets, Report& report) {
  std::vector<const Examined*> sorted;
  for (const Examined& packet : packets) {
    if (packet.is_sound) sorted.push_back(&packet);
  }
  const std::size_t count = std::min(sorted.size(), kSlowest);
  std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count), sorted.end(),
                    [](const Examined* a, const Examined* b) { return both(*a) > both(*b); });
  for (std::size_t i = 0; i < count; ++i) {
    const PacketName& name = sorted[i]->target.name;
    report.slowest.push_back({name.channel, name.outgoing, name.transaction_id, sorted[i]->bytes, sorted[i]->sizing_ns,
                              sorted[i]->bytes == 0 ? 0 : sorted[i]->saving_ns});
  }
}

void judge_time(Course& course, const Place& where, std::uint64_t ns) {
  const std::uint64_t budget = course.options.callback_budget_ns;
  if (budget == 0 || ns <= budget) return;
  char text[96];
  std::snprintf(text, sizeof text, "%.1f us, and %.1f are allowed", static_cast<double>(ns) / 1e3,
                static_cast<double>(budget) / 1e3);
  course.findings.add(Check::kOverBudget, where, text);
}

}  // namespace

void time_saves(Course& course, std::span<Examined> packets, Report& report) {
  Room room(largest_state(packets));
  std::map<std::uint32_t, Samples> by_size;
  for (unsigned round = 0; round < kTimedRounds; ++round) {
    for (Examined& packet : packets) {
      if (!packet.is_sound) continue;
      Samples& samples = by_size[packet.bytes];
      if (round == 0) ++samples.packets;
      save_once(course, packet, room, [&](const Answer& sized, const Answer* saved) {
        samples.sizing.push_back(sized.ns);
        packet.sizing_ns = std::min(packet.sizing_ns, sized.ns);
        if (saved == nullptr) return;
        samples.saving.push_back(saved->ns);
        packet.saving_ns = std::min(packet.saving_ns, saved->ns);
      });
    }
  }
  report_sizes(by_size, report);
  report_slowest(packets, report);
}

void compare_with_budget(Course& course, std::span<const Examined> packets) {
  for (const Examined& packet : packets) {
    if (!packet.is_sound) continue;
    judge_time(course, place_of(Call::kSizing, 0, packet.target.name), packet.sizing_ns);
    if (packet.bytes != 0) judge_time(course, place_of(Call::kSaving, 0, packet.target.name), packet.saving_ns);
  }
  for (const auto& [name, ns] : course.restore_ns) judge_time(course, place_of(Call::kRestore, 0, name), ns);
}

void look_for_leaks(Course& course, std::span<const Examined> packets) {
  Room room(largest_state(packets));
  HeapRounds heap;
  while (!heap.is_over()) {
    for (const Examined& packet : packets) {
      if (packet.is_sound) save_once(course, packet, room, [](const Answer&, const Answer*) {});
    }
    heap.end_round();
  }
  if (const std::uint64_t lost = heap.lost_each(); lost != 0) {
    course.findings.add(Check::kLeaksMemory, place_of(Call::kSaving, 0),
                        bytes_text(lost) + " more after each save of " + std::to_string(packets.size()) + " packets");
  }
}

}  // namespace vmbsave::verify
