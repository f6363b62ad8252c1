#include "verify/concurrency_exam.hpp"

#include <algorithm>
#include <latch>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "kmcl/channel.hpp"
#include "verify/text.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::verify {
namespace {

constexpr unsigned kParallelRounds = 8;
constexpr std::uint64_t kParallelNs = 60'000'000;  // at least: a few packets are done before another thread is awake
constexpr std::byte kScratch{0xC3};

// What one thread found first.
struct Unlike {
  const Examined* packet;
  Call call;
  Difference difference;
  std::string text;
};

// One thread's part: every count-th packet.
class Part {
 public:
  Part(JournalLane& lane, std::span<const Examined> packets, std::size_t first, std::size_t count)
      : lane_(lane), packets_(packets), first_(first), count_(count), room_(largest_state(packets)) {}

  void run() noexcept {
    const std::uint64_t end = base::now_ns() + kParallelNs;
    for (unsigned round = 0; !unlike_ && (round < kParallelRounds || base::now_ns() < end); ++round) {
      is_counted_ = round < kParallelRounds;
      for (std::size_t i = first_; i < packets_.size() && !unlike_; i += count_) {
        if (packets_[i].is_sound) compare(packets_[i]);
      }
    }
  }

  const std::optional<Unlike>& unlike() const noexcept { return unlike_; }
  std::uint64_t calls() const noexcept { return calls_; }

 private:
  void compare(const Examined& packet) noexcept {
    const Answer sized = ask(packet, room_.in_the_midst(0));
    if (!is_as_before(sized, packet, packet.bytes == 0)) return note(packet, Call::kSizing, sized, {});
    if (packet.bytes == 0) return;
    const std::span<std::byte> buffer = room_.in_the_midst(packet.bytes);
    std::fill(buffer.begin(), buffer.end(), kScratch);
    const Answer saved = ask(packet, buffer);
    if (!is_as_before(saved, packet, true) || first_difference(buffer, packet.state)) {
      note(packet, Call::kSaving, saved, buffer);
    }
  }

  Answer ask(const Examined& packet, std::span<std::byte> buffer) noexcept {
    if (is_counted_) ++calls_;
    return call_save(lane_, packet.target, 0, room_, buffer);
  }

  static bool is_as_before(const Answer& answer, const Examined& packet, bool succeeds) noexcept {
    return !answer.threw && succeeded(answer.status) == succeeds &&
           (answer.needed == packet.bytes || answer.needed == kUnset);
  }

  void note(const Examined& packet, Call call, const Answer& answer, std::span<const std::byte> found) {
    const std::optional<Difference> difference = first_difference(found, packet.state);
    if (call == Call::kSaving && difference) {
      unlike_ = Unlike{&packet, call, *difference, difference_text(found, packet.state)};
    } else {
      unlike_ =
          Unlike{&packet, call, {0, 0}, status_text(answer.status) + ", BytesNeeded " + std::to_string(answer.needed)};
    }
  }

  JournalLane& lane_;
  const std::span<const Examined> packets_;
  const std::size_t first_;
  const std::size_t count_;
  Room room_;
  std::uint64_t calls_ = 0;
  bool is_counted_ = true;  // what comes later is a matter of time
  std::optional<Unlike> unlike_;
};

void report(Course& course, const Unlike& unlike) {
  const Place where = place_of(unlike.call, 0, unlike.packet->target.name);
  course.findings.add(Check::kNotThreadSafe,
                      at_bytes(where, static_cast<std::int64_t>(unlike.difference.first_byte), unlike.difference.bytes),
                      unlike.text);
}

using Parts = std::vector<std::unique_ptr<Part>>;

// All at once, so that even few packets meet. With fewer threads than asked for where the system gives no more.
void run_together(const Parts& parts) {
  std::latch together(static_cast<std::ptrdiff_t>(parts.size()));
  std::vector<std::jthread> running;
  running.reserve(parts.size());
  try {
    for (const auto& part : parts) {
      running.emplace_back([&together, &part] {
        together.arrive_and_wait();
        part->run();
      });
    }
  } catch (const std::system_error&) {
    together.count_down(static_cast<std::ptrdiff_t>(parts.size() - running.size()));
  }
}

// Packets of all channels for each of so many threads, or each channel's packets for a thread of their own.
Parts share_packets(Course& course, std::span<const Examined> packets) {
  const unsigned threads = threads_of(course.options);
  Parts parts;
  for (unsigned i = 0; i < threads; ++i) {
    parts.push_back(std::make_unique<Part>(course.journals.lane(1 + i), packets, i, threads));
  }
  return parts;
}

Parts share_channels(Course& course, std::span<const Examined> packets) {
  Parts parts;
  while (!packets.empty()) {
    const std::uint32_t channel = packets.front().target.name.channel;
    const auto end = std::find_if(packets.begin(), packets.end(),
                                  [&](const Examined& packet) { return packet.target.name.channel != channel; });
    const auto count = static_cast<std::size_t>(end - packets.begin());
    parts.push_back(std::make_unique<Part>(course.journals.lane(1 + parts.size()), packets.first(count), 0, 1));
    packets = packets.subspan(count);
  }
  return parts;
}

}  // namespace

unsigned threads_of(const Options& options) noexcept {
  if (options.threads != 0) return std::min<unsigned>(options.threads, kMaxThreads);
  return std::clamp(available_cpus(), 2u, 8u);
}

void examine_concurrency(Course& course, std::span<const Examined> packets) {
  const Parts parts =
      course.vsp.concurrent_callbacks != 0 ? share_packets(course, packets) : share_channels(course, packets);
  if (packets.size() < 2) return;
  if (parts.size() < 2) {
    if (course.vsp.concurrent_callbacks != 0) course.left_out.emplace_back("SavePackets at once: by one thread");
    return;
  }
  run_together(parts);
  for (const auto& part : parts) {
    course.calls += part->calls();
    if (part->unlike()) report(course, *part->unlike());
  }
}

}  // namespace vmbsave::verify
