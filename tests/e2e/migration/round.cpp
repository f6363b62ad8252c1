// The windows in which the source may be killed, and where each request of the guest is then:
//
//   before the cut       In the ring, in use at the source, or completed: the ring's index moves while the packet is
//                        claimed, a completion is there when its index has moved. The destination meets the end of the
//                        stream before an image, refuses, and the guest resets: it takes the completions that are
//                        there, empties the rings and sends all that is under way again, to the destination's empty
//                        channels.
//   cut .. last byte     The same. Since the cut nothing has been delivered and nothing taken from a ring, so that
//   nothing
//                        is at odds with an image of which parts have arrived.
//   last byte .. answer  The image is whole in the socket, which outlives the source. The destination restores it, and
//   a
//                        request is in the ring, in the image, or was completed before the cut. That the source had
//                        gone on with those of the image does no harm: it told nobody, and they are carried out once
//                        more.
//   answer ..            The same. A source that lives reads the answer, delivers nothing and ends; without an answer
//   it
//                        does neither, as it cannot know. If it was refused it resumes, as if there had been no save.
//
// A write of a dead source may still be on its way to the disk, and a read to the guest's pages. Both hold the open
// file, and with it the lock that whoever carries out requests needs: the destination has its first I/O when the last
// of the source's is over, and the guest learns of no completion meanwhile, and so makes no newer write of the same
// block.
#include "e2e/migration/round.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "e2e/migration/disk.hpp"
#include "e2e/migration/process.hpp"
#include "vmbsave/restore.hpp"

namespace vmbsave::migration {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kRoundLimit = 60s;
constexpr auto kEndLimit = 20s;

[[noreturn]] void fail_with_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The two ends of a connected socket.
class Connection {
 public:
  Connection() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) != 0) fail_with_errno("socketpair");
  }
  ~Connection() { close_both(); }
  Connection(const Connection&) = delete;

  // In a child: this end, and the other one is closed.
  int take(unsigned end) noexcept {
    close_one(1 - end);
    return ends_[end];
  }
  void close_both() noexcept {
    close_one(0);
    close_one(1);
  }

 private:
  void close_one(unsigned end) noexcept {
    if (ends_[end] >= 0) close(ends_[end]);
    ends_[end] = -1;
  }
  int ends_[2] = {-1, -1};
};

// Runs a host in a child; what it throws is a complaint.
int guarded(Shared& shared, const char* who, int (*run)(const Role&), const Role& role) {
  try {
    return run(role);
  } catch (const std::exception& error) {
    shared.complain(std::string("the ") + who + ": " + error.what());
  }
  return 1;
}

// One run of the guest against its hosts.
class Run {
 public:
  Run(Shared& shared, const Rounds::Settings& settings, const Plan& plan, Guest& guest, bool migrates)
      : shared_(shared),
        settings_(settings),
        plan_(plan),
        guest_(guest),
        migrates_(migrates),
        source_([this] { return host("source", 0, run_source); }),
        destination_([this] { return host("destination", 1, run_destination); }) {
    connection_.close_both();
    guest_.set_depth(plan_.depth);
  }
  ~Run() {
    if (killer_.joinable()) killer_.join();
  }

  // Empty: all completions are there, and the hosts ended as they should.
  std::string go() {
    while (problem_.empty() && !(guest_.done() && is_settled())) step();
    if (killer_.joinable()) killer_.join();
    if (problem_.empty()) end();
    return problem_;
  }

  bool source_was_killed() const noexcept { return source_.was_killed(); }

 private:
  int host(const char* who, unsigned end, int (*run)(const Role&)) {
    return guarded(shared_, who, run,
                   {shared_, connection_.take(end), settings_.disk, settings_.uring, plan_, settings_.fault});
  }

  void step() {
    const std::uint32_t microseconds = shared_.migrate.load() ? 20 : 300;
    const std::uint32_t looked = shared_.guest_bell.look();
    const std::uint64_t before = guest_.completed();
    const bool busy = guest_.pump();
    if (guest_.completed() != before) last_progress_ = Clock::now();
    if (guest_.done()) shared_.finished.store(true);
    if (migrates_ && !shared_.migrate.load() && guest_.completed() >= plan_.migrate_after) begin_migration();
    watch();
    if (shared_.migrate.load()) guest_.go_deeper();  // what comes while the source saves has to stay in the ring
    if (!busy) shared_.guest_bell.wait(looked, microseconds);
  }

  void begin_migration() {
    shared_.migrate.store(true);
    if (plan_.mode != KillMode::kAtAnyTime) return;
    killer_ = std::thread([this] {
      std::this_thread::sleep_for(std::chrono::microseconds(plan_.amount));
      source_.kill();
      killed_.store(true);
    });
  }

  // Nobody is reaped whom the killer may still aim at.
  bool source_ended() { return (!killer_.joinable() || killed_.load()) && source_.ended(); }

  bool is_settled() {
    if (!migrates_) return true;
    if (shared_.stage.load() == Stage::kResumed && (!killer_.joinable() || killed_.load())) return true;
    return source_ended() && shared_.verdict.load() != Verdict::kNone;
  }

  void watch() {
    if (shared_.complained.load()) return give_up(shared_.complaint.data());
    if (!guest_.findings().none()) return give_up(guest_.findings().first);
    if (source_ended() && !source_.ended_well() && !source_.was_killed()) return give_up("the source ended badly");
    if (destination_.ended()) return give_up("the destination ended too early");
    const Verdict verdict = shared_.verdict.load();
    if (verdict == Verdict::kRefused && source_ended() && !shared_.take_over.load()) reset();
    if (Clock::now() - started_ > kRoundLimit) return give_up("the round takes too long: " + standing());
    if (Clock::now() - last_progress_ > std::chrono::seconds(settings_.stall_seconds) && !guest_.done()) {
      give_up("lost: no completion for " + std::to_string(settings_.stall_seconds) + " s: " + standing());
    }
  }

  void reset() {
    guest_.reset();
    shared_.take_over.store(true);
    shared_.host_bell.ring();
  }

  void end() {
    shared_.stop.store(true);
    shared_.host_bell.ring();
    const auto limit = Clock::now() + kEndLimit;
    while (!source_.ended() || !destination_.ended()) {
      if (Clock::now() > limit) return give_up("a host does not end: " + standing());
      std::this_thread::sleep_for(200us);
    }
    (void)guest_.pump();  // nothing may be left
    if (shared_.complained.load()) return give_up(shared_.complaint.data());
    if (!guest_.findings().none()) return give_up(guest_.findings().first);
    if (!destination_.ended_well()) return give_up("the destination ended badly");
    if (!source_.ended_well() && !source_.was_killed()) return give_up("the source ended badly");
    check_decision();
  }

  // Whether what the destination made of the image is what the source had sent.
  void check_decision() {
    if (!migrates_ || settings_.fault != Fault::kNone) return;
    const Verdict verdict = shared_.verdict.load();
    const Stage stage = shared_.stage.load();
    const bool refuses = plan_.mode == KillMode::kRefused;
    const bool whole = stage == Stage::kSent || stage == Stage::kAcknowledged || stage == Stage::kDiscarded;
    if (whole && !refuses && verdict != Verdict::kRestored) give_up("a whole image was refused: " + standing());
    if (shared_.cut_short.load() && verdict != Verdict::kRefused) give_up("half an image was restored");
    if ((stage == Stage::kServing || stage == Stage::kBegin) && verdict != Verdict::kRefused)
      give_up("no image was restored");
    if (stage == Stage::kResumed && !refuses) give_up("an image was refused: " + standing());
    if (refuses && verdict != Verdict::kRefused) give_up("an image over the budget was restored");
  }

  std::string standing() {
    const Verdict verdict = shared_.verdict.load();
    std::string text = std::to_string(guest_.under_way()) + " requests under way; source " +
                       (source_.ended() ? "ended" : "alive") + ", " + stage_name(shared_.stage.load());
    if (verdict == Verdict::kNone) return text + "; the destination has not decided";
    if (verdict == Verdict::kRestored) return text + "; restored";
    return text + "; refused (" + restore_fault_text(static_cast<RestoreFault>(shared_.fault.load())) + ")";
  }

  void give_up(const std::string& why) {
    if (problem_.empty()) problem_ = why;
  }

  Shared& shared_;
  const Rounds::Settings& settings_;
  const Plan& plan_;
  Guest& guest_;
  const bool migrates_;
  Connection connection_;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point last_progress_ = started_;
  std::string problem_;
  std::atomic<bool> killed_{};
  Process source_;
  Process destination_;
  std::thread killer_;
};

}  // namespace

Rounds::Rounds(const Traces& traces, Settings settings)
    : traces_(traces), settings_(std::move(settings)), shared_(map_shared()) {
  const int fd = open(settings_.disk.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail_with_errno(settings_.disk);
  close(fd);
}

Rounds::~Rounds() { unlink(settings_.disk.c_str()); }

Outcome Rounds::run(const Plan& plan) {
  const std::vector<GuestRequest> requests = traces_.stretch(plan.first, plan.requests, plan.span);
  const Disk& expected = reference(plan, requests);
  Disk disk;
  Outcome outcome = migrate(plan, requests, true, disk);
  if (outcome.problem.empty() && disk != expected) outcome.problem = "the disk is another one than without a migration";
  return outcome;
}

const Rounds::Disk& Rounds::reference(const Plan& plan, const std::vector<GuestRequest>& requests) {
  const auto [found, is_new] = references_.try_emplace({plan.first, plan.span});
  if (is_new) {
    Plan quiet = plan;
    quiet.mode = KillMode::kNever;
    const Outcome outcome = migrate(quiet, requests, false, found->second);
    if (!outcome.problem.empty()) throw std::runtime_error("without a migration: " + outcome.problem);
  }
  return found->second;
}

Outcome Rounds::migrate(const Plan& plan, const std::vector<GuestRequest>& requests, bool migrates, Disk& disk) {
  Shared& shared = *shared_;
  shared.reset();
  make_disk();
  Guest guest(shared, requests, plan.seed);
  Outcome outcome;
  {
    Run run(shared, settings_, plan, guest, migrates);
    outcome.problem = run.go();
    outcome.killed = run.source_was_killed();
  }
  if (outcome.problem.empty()) disk = read_disk(guest);
  if (outcome.problem.empty() && !guest.findings().none()) outcome.problem = guest.findings().first;
  outcome.requests = guest.completed();
  outcome.lost = requests.size() - guest.completed();
  outcome.doubled = guest.findings().doubled;
  outcome.old = guest.findings().old;
  outcome.wrong = guest.findings().wrong;
  outcome.stage = shared.stage.load();
  outcome.verdict = shared.verdict.load();
  outcome.saved_packets = shared.saved_packets.load();
  outcome.reissued = shared.reissued.load();
  outcome.saved_draining = shared.saved_draining.load();
  outcome.deferred = shared.deferred.load();
  outcome.sent_again = guest.sent_again();
  outcome.deepest = guest.deepest();
  outcome.uring = shared.uring.load();
  outcome.direct = shared.direct.load();
  outcome.outlived = shared.outlived.load();
  return outcome;
}

// The same file for all rounds, written whole each time: writes into a new one wait for the file system's journal. What
// is still under way from an earlier round has the lock.
void Rounds::make_disk() const {
  constexpr std::size_t kAtOnce = 4 << 20;
  DiskFile file(settings_.disk);
  file.lock(static_cast<unsigned>(std::chrono::seconds(kEndLimit).count()));
  void* const zeroes = mmap(nullptr, kAtOnce, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (zeroes == MAP_FAILED) throw std::bad_alloc();
  bool good = true;
  for (std::uint64_t at = 0; at < kDiskBytes && good; at += kAtOnce) {
    good = pwrite(file.descriptor(), zeroes, kAtOnce, static_cast<off_t>(at)) == static_cast<ssize_t>(kAtOnce);
  }
  munmap(zeroes, kAtOnce);
  if (!good) fail_with_errno("writing the disk");
}

// When nobody uses it any more.
Rounds::Disk Rounds::read_disk(Guest& guest) const {
  DiskFile file(settings_.disk);
  file.lock(static_cast<unsigned>(std::chrono::seconds(kEndLimit).count()));
  const int fd = open(settings_.disk.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_with_errno(settings_.disk);
  Disk disk(kDiskBytes / kBlockBytes);
  std::vector<std::byte> bytes(1 << 20);
  for (std::uint64_t at = 0; at < kDiskBytes; at += bytes.size()) {
    if (pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(bytes.size())) {
      fail_with_errno("reading the disk");
    }
    for (std::uint64_t i = 0; i < bytes.size(); i += kBlockBytes) {
      const ConstBlock block(bytes.data() + i, kBlockBytes);
      const std::uint64_t number = (at + i) / kBlockBytes;
      guest.check(block, number, "at the end");
      disk[number] = read_stamp(block, number).value_or(UINT32_MAX);
    }
  }
  close(fd);
  return disk;
}

}  // namespace vmbsave::migration
