// fault_rig.hpp: a save to a sink in which something fails, and what must hold afterwards.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "io/image_sender.hpp"
#include "restore/image_restore.hpp"
#include "unit/fault_injection.hpp"
#include "unit/fault_vm.hpp"
#include "unit/io_fixture.hpp"

namespace vmbsave::test {

enum class To { kMemory, kFile, kSocket, kPipe };

// How a save is made.
struct Way {
  SavePlan plan = SavePlan::kFused;
  Executor* executor = nullptr;
  To to = To::kFile;
  bool warm = true;  // by a session that has saved before

  std::string text() const {
    constexpr const char* kTo[] = {"memory", "file", "socket", "pipe"};
    return std::string(plan_name(plan)) + ", " + std::to_string(executor == nullptr ? 1 : executor->concurrency()) +
           " threads, " + (warm ? "warm" : "cold") + ", to " + kTo[static_cast<unsigned>(to)];
  }
};

// Two threads, started once: of the engine's own, or production's.
inline Executor* two_threads() {
  static const std::unique_ptr<Executor> executor = make_thread_executor(2);
  return executor.get();
}
inline Executor* production() {
  static const std::unique_ptr<Executor> executor = make_executor(2);
  return executor.get();
}

inline std::vector<Way> ways(std::initializer_list<To> sinks, std::initializer_list<bool> warm) {
  std::vector<Way> all;
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    for (Executor* executor : {static_cast<Executor*>(nullptr), two_threads()}) {
      for (const To to : sinks) {
        for (const bool is_warm : warm) all.push_back({plan, executor, to, is_warm});
      }
    }
  }
  return all;
}

// What is to fail: a call of the system's, or a callback.
struct Faults {
  unsigned calls = 0;
  std::uint64_t number = 0;
  Failure failure{};
  CallbackFault callback{};
};

struct SinkSetup {
  io::FileOptions file{.direct = false, .uring = false, .durable = false, .buffers = 1, .buffer_bytes = 8192};
  io::StreamOptions stream{.buffer_bytes = 4096};
  std::size_t reader_stops_at = SIZE_MAX;  // bytes after which the other end goes away
  bool narrow = false;                     // as little as possible lies between the ends
  bool reader_waits = false;               // until the sink is gone
  std::string path;                        // of a file somewhere else
};

// Where an image goes to, and the other end of that.
class Destination {
 public:
  static constexpr std::size_t kMost = 4u << 20;

  Destination(To to, const Folder& folder, const SinkSetup& setup)
      : to_(to), setup_(setup), path_(setup.path.empty() ? folder / "image" : setup.path) {
    if (to_ == To::kSocket || to_ == To::kPipe) open_ends();
  }
  ~Destination() { close_ends(); }

  std::unique_ptr<io::Sink> open(io::IoError& error) noexcept {
    error = {.status = Status::kInsufficientResources};
    if (to_ == To::kMemory) return io::make_memory_sink(bytes_);
    if (to_ == To::kFile) return io::create_file(path_.c_str(), setup_.file, error);
    return io::make_stream_sink(ends_[1], setup_.stream);
  }

  // What arrived.
  Bytes take() {
    if (to_ == To::kFile) return setup_.path.empty() ? bytes_of(path_) : Bytes();  // a device may have no end
    close_ends();
    return bytes_;
  }

 private:
  void open_ends() {
    int fds[2];
    if (to_ == To::kPipe) {
      ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
      if (setup_.narrow) fcntl(fds[1], F_SETPIPE_SZ, 4096);
    } else {
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
      const int least = 1;
      if (setup_.narrow) setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    }
    ends_ = {fds[0], fds[1]};
    bytes_.resize(kMost);
    reader_ = std::thread([this] { read_all(); });
  }

  void read_all() noexcept {
    while (setup_.reader_waits && !sink_is_gone_) std::this_thread::yield();
    for (;;) {
      const std::size_t room = std::min(bytes_.size(), setup_.reader_stops_at) - got_;
      const ssize_t got = room == 0 ? 0 : ::read(ends_[0], bytes_.data() + got_, std::min<std::size_t>(room, 4096));
      if (got <= 0) break;
      got_ += static_cast<std::size_t>(got);
    }
    close(ends_[0]);
  }

  void close_ends() {
    if (!reader_.joinable()) return;
    close(ends_[1]);
    sink_is_gone_ = true;
    reader_.join();
    bytes_.resize(got_);
  }

  const To to_;
  const SinkSetup& setup_;
  const std::string path_;
  std::array<int, 2> ends_{-1, -1};
  std::thread reader_;
  std::atomic<bool> sink_is_gone_{false};
  std::size_t got_ = 0;
  Bytes bytes_;
};

// What became of a save.
struct Outcome {
  Status begin = Status::kSuccess;
  Status status = Status::kSuccess;  // of all of it
  bool has_sink = false;
  SaveReport save{};
  io::SendReport sent{};
  std::uint64_t met = 0;    // failures that happened
  std::uint64_t calls = 0;  // of SavePacket
};

// A source that goes on from save to save.
class SaveRig {
 public:
  SaveRig(unsigned channels, std::uint32_t packets) : vm(channels), packets_(packets) {
    vm.fill(packets_);
    expected_ = undisturbed();
    // So that the session, the executors and the C library have what they keep.
    for (int i = 0; i < 2; ++i) {
      for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
        for (Executor* executor : {static_cast<Executor*>(nullptr), two_threads(), production()}) {
          for (const To to : {To::kMemory, To::kFile, To::kSocket, To::kPipe}) {
            EXPECT_EQ(run({plan, executor, to}).status, Status::kSuccess);
          }
        }
      }
    }
    settled_ = true;
  }

  // One save in which `faults` happen, and all that must hold whatever became of it. options: what else is wanted.
  Outcome run(const Way& way, const Faults& faults = {}, const SaveOptions& options = {}, const SinkSetup& setup = {}) {
    const std::string old = "what was there before";
    if (way.to == To::kFile && setup.path.empty()) {
      put_bytes(folder / "image", Bytes(reinterpret_cast<const std::byte*>(old.data()),
                                        reinterpret_cast<const std::byte*>(old.data() + old.size())));
    }
    const std::vector<std::string> files = open_files();
    const std::int64_t blocks = live_blocks();
    const std::int64_t mapped = mapped_bytes();
    Outcome outcome;
    {
      std::unique_ptr<save::SaveSession> cold;
      if (!way.warm) cold = std::make_unique<save::SaveSession>(vm.vm);
      save::SaveSession& session = way.warm ? session_ : *cold;
      Destination destination(way.to, folder, setup);
      outcome = attempt(session, way, faults, options, destination);
      expect_whole_or_nothing(way, outcome, destination.take(), old, setup);
      expect_delivered_once();
      expect_source_goes_on();
      expected_ = undisturbed();
      EXPECT_EQ(next_image(session, way), expected_) << "the next save";
    }
    if (settled_) {
      EXPECT_EQ(live_blocks(), blocks) << "blocks of memory";
      EXPECT_EQ(mapped_bytes(), mapped) << "mapped bytes";
    }
    EXPECT_EQ(open_files(), files);
    return outcome;
  }

  const Bytes& expected() const noexcept { return expected_; }

  const Folder folder;
  FaultVm vm;

 private:
  // Allocates nothing of its own, since anything may fail here.
  Outcome attempt(save::SaveSession& session, const Way& way, const Faults& faults, SaveOptions options,
                  Destination& destination) noexcept {
    Outcome outcome;
    options.executor = way.executor;
    options.plan = way.plan;
    options.serial_below = 0;
    vm.arm(faults.callback);
    vm.completed = 0;
    deferred_.fill(0);
    const std::uint64_t before = vm.all_delivered();
    {
      const Injection injection(faults.calls, faults.number, faults.failure);
      outcome.begin = outcome.status = session.begin(options);
      vm.begun_ns = base::now_ns();
      if (outcome.begin == Status::kSuccess) {
        for (std::size_t i = 0; i < 3; ++i) deferred_[i] = vm.complete_one(i);
        vm.completes_one = true;
        io::IoError error;
        const std::unique_ptr<io::Sink> sink = destination.open(error);
        outcome.has_sink = sink != nullptr;
        outcome.status = error.status;
        if (sink != nullptr) {
          outcome.sent = io::save_to(session, *sink);
          outcome.status = outcome.sent.status;
          EXPECT_NE(sink->finish(), Status::kSuccess) << "it is finished or abandoned";
        }
        vm.completes_one = false;
        deferred_[3] = vm.completed;
        EXPECT_EQ(vm.all_delivered(), before) << "while the save runs";
        session.end(EndMode::kResume);
      }
    }
    outcome.save = session.report();
    outcome.calls = vm.calls(Callback::kFirst) + vm.calls(Callback::kSecond);
    outcome.met = Injection::met() + vm.hits();
    vm.arm();
    return outcome;
  }

  void expect_whole_or_nothing(const Way& way, const Outcome& outcome, const Bytes& taken, const std::string& old,
                               const SinkSetup& setup) {
    if (setup.reader_stops_at != SIZE_MAX) {
      EXPECT_LT(taken.size(), expected_.size());  // what has arrived only the other end can say
    } else if (outcome.status == Status::kSuccess && setup.path.empty()) {
      EXPECT_EQ(packets_of(taken), packets_of(expected_));
      EXPECT_EQ(restore::check_image(taken, {}).status, Status::kSuccess);
    } else if (way.to != To::kFile) {
      EXPECT_NE(restore::check_image(taken, {}).status, Status::kSuccess) << "a part that passes for an image";
    } else if (setup.path.empty() && outcome.sent.io.step != io::IoStep::kSyncDirectory) {
      EXPECT_TRUE(std::equal(taken.begin(), taken.end(), reinterpret_cast<const std::byte*>(old.data()),
                             reinterpret_cast<const std::byte*>(old.data() + old.size())))
          << "the old file";
    }
    if (way.to == To::kFile && setup.path.empty()) {
      EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
    }
  }

  void expect_delivered_once() {
    for (const std::uint64_t id : deferred_) {
      if (id != 0) {
        EXPECT_EQ(vm.delivered(id), 1u) << id;
      }
    }
    EXPECT_EQ(vm.refused(), 0u) << "completions";
  }

  // What is completed now is delivered now, and packets come in.
  void expect_source_goes_on() {
    const std::uint64_t now = vm.complete_one(0);
    EXPECT_EQ(vm.delivered(now), 1u);
    vm.fill(packets_);
    vm.expect_each_in_use_once();
  }

  static Bytes bytes_in(const save::SaveSession& session) {
    Bytes bytes(session.image().bytes());
    session.image().copy_to(bytes.data());
    return bytes;
  }

  Bytes undisturbed() {
    save::SaveSession session(vm.vm);
    return next_image(session, {SavePlan::kExact, nullptr});
  }

  static Bytes next_image(save::SaveSession& session, const Way& way) {
    EXPECT_EQ(session.begin({.executor = way.executor, .plan = way.plan, .serial_below = 0}), Status::kSuccess);
    EXPECT_EQ(session.save(), Status::kSuccess);
    Bytes bytes = session.complete() ? bytes_in(session) : Bytes();
    session.end(EndMode::kResume);
    return bytes;
  }

  const std::uint32_t packets_;
  save::SaveSession session_{vm.vm};
  std::array<std::uint64_t, 4> deferred_{};  // ids; 0: none
  Bytes expected_;
  bool settled_ = false;
};

}  // namespace vmbsave::test
