#include "scenarios/save_under_load/load_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <thread>

#include "base/clock.hpp"
#include "harness/pinned.hpp"
#include "report/intervals.hpp"
#include "scenarios/save_under_load/traffic.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint64_t kPatienceNs = 2'000'000'000;

void wait_until(std::uint64_t ns) {
  constexpr std::uint64_t kSleepNs = 200'000;
  for (std::uint64_t now = base::now_ns(); now < ns; now = base::now_ns()) {
    if (ns - now > kSleepNs) std::this_thread::sleep_for(std::chrono::nanoseconds(ns - now - kSleepNs / 2));
  }
}

double middle(std::vector<std::uint64_t> values) {
  const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  return static_cast<double>(*half);
}

}  // namespace

// One phase: the VSP's thread, from its start until it has drained.
class LoadRun::Running {
 public:
  Running(LoadRun& run, bool saves, bool idle, LoadStamps* stamps = nullptr) : run_(run), traffic(run.spec_, stamps) {
    run.traffic_ = &traffic;
    if (saves) traffic.saving.begin(), traffic.saving.end();  // so that its number is not 0, which means: none
    thread_ = std::thread([this, idle] {
      const Pinned here(run_.vsp_cpu_);
      traffic.fill(*run_.target_);
      if (idle) {
        traffic.idle();
      } else {
        traffic.serve(*run_.target_);
      }
      traffic.drain(*run_.target_, kPatienceNs);
    });
    while (!traffic.filled()) std::this_thread::yield();
    start_ns = base::now_ns();
    start = Ticks::clock().now();
  }
  ~Running() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    traffic.stop();
    phase_ns = base::now_ns() - start_ns;
    thread_.join();
  }

 private:
  LoadRun& run_;
  std::thread thread_;

 public:
  Traffic traffic;
  std::uint64_t start_ns = 0;
  std::uint64_t start = 0;  // likewise, in ticks
  std::uint64_t phase_ns = 0;
};

LoadRun::LoadRun(const LoadSpec& spec, Executor* executor) : spec_(spec), stamps_(spec) {
  result_.timeline = SaveTimeline::around(spec.gap_ns);
  if (spec.pinned) {
    const std::vector<int> cpus = allowed_cpus();
    if (cpus.size() < 2) {
      throw std::runtime_error(
          "needs two processors, one for the VSP's thread and one for the saver's; one is allowed");
    }
    vsp_cpu_ = cpus[0];
    saver_cpu_ = cpus[1];
  }
  target_ = spec.make(
      {.channels = spec.channels,
       .packets = spec.packets,
       .executor = executor,
       .sink = [](void* self, Token token) { Traffic::on_delivery(static_cast<LoadRun*>(self)->traffic_, token); },
       .sink_context = this});
}

LoadRun::~LoadRun() = default;

void LoadRun::check() {
  if (target_->drains()) return;
  std::vector<Token> image;
  const Pinned here(saver_cpu_);
  Running running(*this, true, true);
  (void)target_->save(&image);
  running.traffic.tell_guest();
  std::sort(image.begin(), image.end());
  const std::uint32_t expected = spec_.usual_packets();
  bool right = image.size() == expected;
  for (std::uint32_t i = 0; right && i < expected; ++i) right = image[i] == i;
  if (!right) {
    throw CheckFailed(fmt::format("{}: an image of {} packets, where {} were in flight, or not the same ones",
                                  target_->name(), image.size(), expected));
  }
}

void LoadRun::round() {
  run(Phase::kWithout);
  run(Phase::kDuring);
  if (spec_.pinned && !target_->drains()) run(Phase::kIdle);
}

void LoadRun::run(Phase phase) {
  const Pinned here(saver_cpu_);
  stamps_.clear();
  Running running(*this, phase != Phase::kWithout, phase == Phase::kIdle, phase == Phase::kIdle ? nullptr : &stamps_);
  if (phase == Phase::kWithout) {
    wait_until(running.start_ns + spec_.phase_ns);
  } else {
    saves(running, phase);
  }
  running.stop();
  note(running, phase);
}

void LoadRun::saves(Running& running, Phase phase) {
  std::vector<std::uint64_t> blackouts;
  do {
    wait_until(base::now_ns() + spec_.gap_ns);
    running.traffic.saving.begin();
    const std::uint64_t cut = Ticks::clock().now();
    const Saved saved = target_->save(nullptr);
    running.traffic.tell_guest();
    running.traffic.saving.end();
    if (phase != Phase::kDuring) continue;
    stamps_.saves.add(cut, Ticks::clock().now());
    blackouts.push_back(saved.blackout_ns);
    result_.saved_packets += saved.packets;
    result_.deferred += saved.deferred;
  } while (base::now_ns() < running.start_ns + spec_.phase_ns);
  if (phase != Phase::kDuring) return;  // of a VSP that does nothing
  result_.blackout_ns.insert(result_.blackout_ns.end(), blackouts.begin(), blackouts.end());
  result_.round_blackout_ns.push_back(middle(std::move(blackouts)));
}

void LoadRun::note(Running& running, Phase phase) {
  Traffic& traffic = running.traffic;
  traffic.close(running.phase_ns);
  result_.issued += traffic.issued;
  result_.delivered += traffic.delivered();
  result_.lost += traffic.lost;
  result_.delivered_twice += traffic.delivered_twice();
  result_.refused += traffic.refused;
  if (phase == Phase::kWithout) result_.without.add(traffic.times);
  if (phase == Phase::kDuring) {
    result_.during.add(traffic.times);
    note_timeline(running.start);
  }
  if (phase == Phase::kIdle) result_.idle.add(traffic.gaps);
  if (result_.lost != 0 || result_.delivered_twice != 0) {
    throw CheckFailed(fmt::format("{}: of {} packets, {} were never delivered and {} twice", target_->name(),
                                  result_.issued, result_.lost, result_.delivered_twice));
  }
}

void LoadRun::note_timeline(std::uint64_t begin) {
  const Ticks& clock = Ticks::clock();
  stamps_.to_ns(clock);
  SaveTimeline& timeline = result_.timeline;
  const std::span<const TimeSpan> saves = stamps_.saves.spans();
  timeline.add_saves(clock.to_ns(begin), saves);
  timeline.add_calls(&SaveTimeline::Times::complete, saves, stamps_.complete.spans());
  timeline.add_calls(&SaveTimeline::Times::delivery, saves, stamps_.by_vsp.spans());
  timeline.add_calls(&SaveTimeline::Times::delivery, saves, stamps_.by_saver.spans());
}

}  // namespace vmbsave::bench
