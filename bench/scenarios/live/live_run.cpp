#include "scenarios/live/live_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <numeric>
#include <thread>

#include "base/clock.hpp"
#include "harness/pinned.hpp"
#include "mem/mapping.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

// Of two processors the VSP has its own, so that it completes requests while they are saved; what it completes then
// the guest cannot see before the save's end, and so loses little by sharing its processor with the saver.
LiveCpus assign_cpus() {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) return {};
  return {cpus[0], cpus[1], cpus.size() == 2 ? cpus[0] : cpus[2]};
}

void expect_saved(Status status, const char* step) {
  if (status == Status::kSuccess) return;
  throw CheckFailed(fmt::format("a save failed in its {}: {}", step, status_name(status)));
}

}  // namespace

// Both threads, until all has come back or there is a fault.
class LiveRun::Threads {
 public:
  Threads(LiveGuest& guest, LiveHost& host, FirstFault& fault, const LiveCpus& cpus)
      : guest_(guest), host_(host), vsp_thread_([&] { serve(cpus.vsp, fault, [&] { host.serve(); }); }) {
    try {
      guest_thread_ = std::thread([&] { serve(cpus.guest, fault, [&] { guest.run(); }); });
    } catch (...) {
      host.stop();
      vsp_thread_.join();
      throw;
    }
  }
  ~Threads() { stop(); }
  Threads(const Threads&) = delete;

  void stop() {
    if (!guest_thread_.joinable()) return;
    guest_.stop();
    guest_thread_.join();
    host_.stop();
    vsp_thread_.join();
  }

 private:
  template <class Work>
  static void serve(std::optional<int> cpu, FirstFault& fault, Work&& work) {
    const Pinned here(cpu.value_or(-1));
    try {
      work();
    } catch (const std::exception& error) {
      fault.note(error.what());
    }
  }

  LiveGuest& guest_;
  LiveHost& host_;
  std::thread vsp_thread_;
  std::thread guest_thread_;
};

LiveRun::LiveRun(const LiveSpec& spec, LiveDisk& disk) : spec_(spec), requests_(spec), disk_(disk) {}

LiveResult LiveRun::run(const Watch& watch) {
  const mem::Mapping memory = mem::Mapping::reserve(std::size_t{spec_.slots()} * kLiveBlockBytes);
  if (!memory) throw std::bad_alloc();
  LiveHost host(spec_, requests_, disk_.descriptor(), memory.data(), fault_);
  disk_.fill();
  SaveFlag saving;
  LiveGuest guest(spec_, requests_, host, memory.data(), saving, fault_);
  result_.cpus = assign_cpus();
  result_.rounds.reserve(spec_.rounds);  // the guest's thread has their addresses
  {
    Threads threads(guest, host, fault_, result_.cpus);
    const Pinned here(result_.cpus.saver.value_or(-1));
    for (unsigned i = 0; i < spec_.rounds; ++i) {
      if (watch) watch(i, spec_.rounds);
      round(guest, host, saving);
    }
    threads.stop();
  }
  if (fault_.any()) throw CheckFailed(fault_.what());
  account(guest, host);
  result_.blocks_checked = disk_.check(guest.generations());
  result_.disk = disk_.facts();
  return result_;
}

void LiveRun::round(LiveGuest& guest, LiveHost& host, SaveFlag& saving) {
  LiveRound& round = result_.rounds.emplace_back();
  phase(round.before, guest);
  guest.enter(&round.during);
  saves(guest, host, saving);
  phase(round.after, guest);
}

void LiveRun::phase(LivePhase& phase, LiveGuest& guest) const {
  guest.enter(&phase);
  const std::uint64_t completed = guest.completed();
  wait(base::now_ns() + spec_.phase_ns);
  while (!has_seen_enough(guest, completed)) wait(base::now_ns() + 100'000);
  guest.enter(nullptr);
}

// At least one. What they saved is checked when the phase is over, so that the check's own time is not in it.
void LiveRun::saves(LiveGuest& guest, LiveHost& host, SaveFlag& saving) {
  std::vector<LiveSave> saved;
  const std::uint64_t completed = guest.completed();
  const std::uint64_t end = base::now_ns() + spec_.phase_ns;
  std::uint64_t due = base::now_ns();
  do {
    due = std::max(due + spec_.every_ns, base::now_ns());
    wait(base::now_ns() < end ? std::min(due, end) : due);
    saved.push_back(save(host, saving));
  } while (base::now_ns() < end || !has_seen_enough(guest, completed));
  guest.enter(nullptr);
  check(saved);
}

LiveSave LiveRun::save(LiveHost& host, SaveFlag& saving) {
  save::SaveSession& session = host.session();
  LiveSave made{std::vector<Standing>(spec_.slots()), std::vector<Standing>(spec_.slots()), {}};
  host.standings().read(made.before);
  saving.begin();
  const std::uint64_t start = base::now_ns();
  expect_saved(session.begin({}), "begin");
  const std::uint64_t begun = base::now_ns();
  host.standings().read(made.after);
  const std::uint64_t witnessed = base::now_ns();
  const Status status = session.save();
  const std::uint64_t complete = base::now_ns();
  session.end(EndMode::kResume);
  host.go_on();
  const std::uint64_t end = base::now_ns();
  saving.end();
  expect_saved(status, "passes");
  made.image = gather(session.image());
  const SaveReport& report = session.report();
  LiveSaves& saves = result_.saves;
  saves.packets.push_back(report.packets);
  saves.image_bytes.push_back(report.image_bytes);
  saves.save_ns.push_back(complete - start);
  saves.blackout_ns.push_back(end - start);
  saves.deferred.push_back(report.deferred_delivered);
  saves.witness_ns.push_back(witnessed - begun);
  return made;
}

// In short steps, so that a fault on another thread ends the run.
void LiveRun::wait(std::uint64_t until_ns) const {
  constexpr std::uint64_t kStepNs = 10'000'000;
  for (std::uint64_t now = base::now_ns(); now < until_ns; now = base::now_ns()) {
    if (fault_.any()) throw CheckFailed(fault_.what());
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(kStepNs, until_ns - now)));
  }
}

// On a machine that was busy elsewhere, or with many requests under way, a short phase may have seen nothing: it goes
// on until each slot could have had its turn twice, with what was sent before the phase and with a request of its own.
// A disk that does not answer is the guest's fault to find.
bool LiveRun::has_seen_enough(const LiveGuest& guest, std::uint64_t before) const {
  return guest.completed() - before >= 2 * std::uint64_t{spec_.slots()};
}

void LiveRun::check(const std::vector<LiveSave>& saves) {
  for (const LiveSave& save : saves) {
    const ImageFinding finding = check_image(save, spec_, requests_, live_vsp(spec_));
    if (!finding.difference.empty()) throw CheckFailed(finding.difference);
    ++result_.images_checked;
    result_.packets_checked += finding.packets;
  }
}

void LiveRun::account(const LiveGuest& guest, const LiveHost& host) {
  result_.sent = guest.sent();
  result_.completed = guest.completed();
  result_.reads_checked = guest.reads_checked();
  result_.writes = guest.writes();
  const std::vector<std::uint64_t>& packets = result_.saves.packets;
  if (std::accumulate(packets.begin(), packets.end(), std::uint64_t{0}) != result_.packets_checked) {
    throw CheckFailed("the images do not hold as many packets as their saves say");
  }
  if (result_.sent == result_.completed && result_.sent == host.answered() &&
      result_.sent == result_.reads_checked + result_.writes) {
    return;
  }
  throw CheckFailed(fmt::format("{} requests were sent, {} answered by the VSP and {} completed", result_.sent,
                                host.answered(), result_.completed));
}

}  // namespace vmbsave::bench
