#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "e2e/migration/host.hpp"
#include "e2e/migration/roles.hpp"
#include "io/image_sender.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::migration {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

// ---- kills inside calls of the engine ----

std::atomic<std::uint64_t> calls_left{};  // of SavePacket; 0: not counted

NTSTATUS counted_save_packet(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size,
                             PUINT32 bytes_needed) {
  if (calls_left.load() != 0 && calls_left.fetch_sub(1) == 1) kill_self();
  return Channels::storvsp_save_packet(channel, packet, save_buf, save_buf_size, bytes_needed);
}

// Hands bytes on until it was given so many; then this process is no more.
class KillingSink final : public io::Sink {
 public:
  KillingSink(io::Sink& sink, Shared& shared, std::uint64_t limit) : sink_(sink), shared_(shared), left_(limit) {}

  Status write(std::span<const std::byte> bytes) noexcept override {
    if (bytes.size() <= left_) {
      left_ -= bytes.size();
      return sink_.write(bytes);
    }
    shared_.cut_short.store(true);
    (void)sink_.write(bytes.first(left_));
    (void)sink_.finish();
    kill_self();
  }
  Status rewrite(std::span<const std::byte> bytes) noexcept override { return sink_.rewrite(bytes); }
  Status finish() noexcept override { return sink_.finish(); }
  void abandon() noexcept override { sink_.abandon(); }
  const io::IoError& error() const noexcept override { return sink_.error(); }
  std::uint64_t peak_bytes() const noexcept override { return sink_.peak_bytes(); }

 private:
  io::Sink& sink_;
  Shared& shared_;
  std::uint64_t left_;
};

// ---- the source ----

class Source {
 public:
  explicit Source(const Role& role)
      : role_(role), shared_(role.shared), host_(role.shared, {role.disk, role.uring, true, counted_save_packet}) {}

  int run() {
    host_.take_disk();
    host_.open();
    host_.serve();
    while (!shared_.migrate.load() && !shared_.stop.load()) std::this_thread::sleep_for(20us);
    if (!shared_.migrate.load() || !hand_over()) serve_to_the_end();
    return 0;
  }

 private:
  void kill_if(KillMode mode) const {
    if (role_.plan.mode == mode) kill_self();
  }

  // False: the destination has not taken it, and this host goes on.
  bool hand_over() {
    const bool lags = role_.plan.mode == KillMode::kLagging;
    if (lags) hold_writes();
    cut();
    const io::SendReport report = send();
    if (report.status == Status::kSuccess) {
      shared_.stage.store(Stage::kSent);
      kill_if(KillMode::kAfterLastByte);
    }
    if (!is_accepted()) {
      host_.vm().session().end(EndMode::kResume);
      shared_.stage.store(Stage::kResumed);
      return false;
    }
    shared_.stage.store(Stage::kAcknowledged);
    kill_if(KillMode::kAfterAcknowledged);
    // Whatever the disk still does for this host is waited for: completions find their packets, and are dropped.
    host_.stop_serving();
    if (lags) let_go_late();
    host_.disk().drain();
    host_.vm().session().end(role_.fault == Fault::kDelivers ? EndMode::kResume : EndMode::kDiscard);
    shared_.stage.store(Stage::kDiscarded);
    kill_if(KillMode::kAfterDiscard);
    return true;
  }

  void hold_writes() {
    constexpr unsigned kHeld = 24;
    host_.disk().hold_writes(kHeld);
    for (int i = 0; i < 2000 && host_.disk().held() < kHeld; ++i) std::this_thread::sleep_for(50us);
  }

  // Without a fence the guest is through by then; with one it waits for this host.
  void let_go_late() {
    const auto end = std::chrono::steady_clock::now() + (role_.fault == Fault::kNoFence ? 10s : 100ms);
    while (!shared_.finished.load() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    host_.disk().let_go();
  }

  void cut() {
    executor_ = role_.plan.threads > 1 ? make_executor(role_.plan.threads) : nullptr;
    shared_.stage.store(Stage::kBegin);
    kill_if(KillMode::kBeforeBegin);
    const Status status = host_.vm().session().begin({.executor = executor_.get(), .serial_below = 0});
    if (status != Status::kSuccess) throw std::runtime_error(std::string("begin: ") + status_name(status));
    shared_.stage.store(Stage::kCut);
    if (role_.plan.mode == KillMode::kAfterCut) {
      std::this_thread::sleep_for(std::chrono::microseconds(role_.plan.amount));
      kill_self();
    }
    if (role_.plan.mode == KillMode::kInPass) {
      const std::uint64_t calls = 2 * host_.vm().session().report().packets;  // each to be sized, and saved
      calls_left.store(1 + calls * role_.plan.amount / 1000);
    }
  }

  io::SendReport send() {
    const auto stream = io::make_stream_sink(role_.socket, {.buffer_bytes = role_.plan.piece_bytes});
    if (stream == nullptr) throw std::bad_alloc();
    save::SaveSession& session = host_.vm().session();
    io::SendReport report;
    if (role_.plan.mode == KillMode::kWhileSending) {
      report = send_part(session, *stream);
    } else {
      report = io::save_to(session, *stream);
    }
    if (!session.complete())
      throw std::runtime_error(std::string("save: ") + status_name(session.report().failure.status));
    shared_.saved_packets.store(session.report().packets);
    return report;
  }

  // In one half of the rounds of a save that goes on meanwhile, whose length can only be guessed; in the other of one
  // that is over.
  io::SendReport send_part(save::SaveSession& session, io::Sink& stream) {
    constexpr std::uint64_t kBytesPerPacket = 180;
    if (role_.plan.amount % 2 == 0) {
      KillingSink sink(stream, shared_, session.report().packets * kBytesPerPacket * role_.plan.amount / 1000);
      return io::save_to(session, sink);
    }
    const Status saved = session.save();
    if (saved != Status::kSuccess) throw std::runtime_error(std::string("save: ") + status_name(saved));
    KillingSink sink(stream, shared_, session.image().bytes() * role_.plan.amount / 1000);
    return io::send_image(session, sink);
  }

  // The answer alone decides. An end of the stream without one: the destination has decided nothing and is gone.
  bool is_accepted() const {
    pollfd answer{role_.socket, POLLIN, 0};
    const int ready = poll(&answer, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
    if (ready != 1) throw std::runtime_error("the destination does not answer");
    char byte = 0;
    return recv(role_.socket, &byte, 1, 0) == 1 && byte == kAccepted;
  }

  void serve_to_the_end() {
    while (!shared_.stop.load()) std::this_thread::sleep_for(100us);
    host_.stop_serving();
    host_.disk().drain();
  }

  const Role& role_;
  Shared& shared_;
  std::unique_ptr<Executor> executor_;
  Host host_;
};

}  // namespace

int run_source(const Role& role) { return Source(role).run(); }

}  // namespace vmbsave::migration
