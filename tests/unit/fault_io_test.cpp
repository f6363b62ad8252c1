// Saves whose sink fails: by calls of the system's that fail, and by a full disk, limits, and other ends that go away.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>

#include "unit/fault_rig.hpp"

namespace vmbsave::test {
namespace {

constexpr unsigned kIoChannels = 3;
constexpr std::uint32_t kSmallImage = 50;    // packets of a channel
constexpr std::uint32_t kLargeImage = 1450;  // likewise: it is sent while it is saved

struct CallFault {
  const char* name;
  To to;
  Call call;
  Failure failure;
  Status status;  // kSuccess: nobody is to notice
  io::IoStep step;
  unsigned also = 0;  // calls that fail too, counted with it
};

constexpr CallFault kCallFaults[] = {
    {"short write", To::kFile, Call::kPwrite, {.error = 0, .most = 100}, Status::kSuccess, io::IoStep::kNone},
    {"write of one byte", To::kFile, Call::kPwrite, {.error = 0, .most = 1}, Status::kSuccess, io::IoStep::kNone},
    {"EINTR", To::kFile, Call::kPwrite, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"ENOSPC", To::kFile, Call::kPwrite, {.error = ENOSPC}, Status::kInsufficientResources, io::IoStep::kWrite},
    {"EDQUOT", To::kFile, Call::kPwrite, {.error = EDQUOT}, Status::kInsufficientResources, io::IoStep::kWrite},
    {"EIO", To::kFile, Call::kPwrite, {.error = EIO}, Status::kUnexpectedIoError, io::IoStep::kWrite},
    {"a full disk from write",
     To::kFile,
     Call::kPwrite,
     {.error = ENOSPC, .stays = true},
     Status::kInsufficientResources,
     io::IoStep::kWrite},
    {"EINTR of a cut", To::kFile, Call::kFtruncate, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EINTR of a sync", To::kFile, Call::kFsync, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EINTR of an open", To::kFile, Call::kOpen, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EIO of a cut", To::kFile, Call::kFtruncate, {.error = EIO}, Status::kUnexpectedIoError, io::IoStep::kWrite},
    {"EIO of a sync", To::kFile, Call::kFsync, {.error = EIO}, Status::kUnexpectedIoError, io::IoStep::kSync},
    {"ENOSPC of a sync", To::kFile, Call::kFsync, {.error = ENOSPC}, Status::kInsufficientResources, io::IoStep::kSync},
    {"EIO of a rename", To::kFile, Call::kRename, {.error = EIO}, Status::kUnexpectedIoError, io::IoStep::kRename},
    {"ENOSPC of a rename",
     To::kFile,
     Call::kRename,
     {.error = ENOSPC},
     Status::kInsufficientResources,
     io::IoStep::kRename},
    {"EMFILE", To::kFile, Call::kOpen, {.error = EMFILE}, Status::kInsufficientResources, io::IoStep::kOpen},
    {"EACCES", To::kFile, Call::kOpen, {.error = EACCES}, Status::kAccessDenied, io::IoStep::kOpen},
    {"send of one byte", To::kSocket, Call::kSend, {.error = 0, .most = 1}, Status::kSuccess, io::IoStep::kNone},
    {"EINTR of a send", To::kSocket, Call::kSend, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EAGAIN of a send", To::kSocket, Call::kSend, {.error = EAGAIN}, Status::kSuccess, io::IoStep::kNone},
    {"EPIPE of a send",
     To::kSocket,
     Call::kSend,
     {.error = EPIPE},
     Status::kConnectionDisconnected,
     io::IoStep::kWrite},
    {"ECONNRESET",
     To::kSocket,
     Call::kSend,
     {.error = ECONNRESET},
     Status::kConnectionDisconnected,
     io::IoStep::kWrite},
    {"EIO of a send", To::kSocket, Call::kSend, {.error = EIO}, Status::kUnexpectedIoError, io::IoStep::kWrite},
    {"write of one byte to a pipe",
     To::kPipe,
     Call::kWrite,
     {.error = 0, .most = 1},
     Status::kSuccess,
     io::IoStep::kNone},
    {"EINTR of a pipe", To::kPipe, Call::kWrite, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EPIPE of a pipe", To::kPipe, Call::kWrite, {.error = EPIPE}, Status::kConnectionDisconnected, io::IoStep::kWrite},
    {"EIO of a pipe", To::kPipe, Call::kWrite, {.error = EIO}, Status::kUnexpectedIoError, io::IoStep::kWrite},
    {"EINTR of a wait", To::kPipe, Call::kPoll, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"ENOMEM of a wait", To::kPipe, Call::kPoll, {.error = ENOMEM}, Status::kInsufficientResources, io::IoStep::kWrite},
};

// Each of a save's calls of this kind fails once.
std::uint64_t each_system_call(SaveRig& rig, Way way, const CallFault& fault, const SinkSetup& setup,
                               std::uint64_t step) {
  way.to = fault.to;
  for (std::uint64_t n = 1; n < 1000; ++n) {
    SCOPED_TRACE(std::string(fault.name) + " " + std::to_string(n) + ", " + way.text() +
                 (setup.file.direct ? ", past the page cache" : ""));
    const Outcome outcome =
        rig.run(way, {set_of(fault.call) | fault.also, 1 + (n - 1) * step, fault.failure}, {}, setup);
    const Status expected = outcome.met == 0 ? Status::kSuccess : fault.status;
    EXPECT_EQ(outcome.status, expected) << status_name(outcome.status);
    if (expected != Status::kSuccess && outcome.has_sink) {
      const bool of_the_folder = fault.step == io::IoStep::kSync && n == 2;
      EXPECT_EQ(outcome.sent.io.step, of_the_folder ? io::IoStep::kSyncDirectory : fault.step);
      EXPECT_EQ(outcome.sent.io.error, fault.failure.error);
      EXPECT_EQ(outcome.save.failure.status, Status::kSuccess) << "the save itself";
    }
    if (outcome.met == 0) return n - 1;
    if (testing::Test::HasFailure()) return n;
  }
  ADD_FAILURE() << "no end";
  return 1000;
}

TEST(FaultIo, EachSystemCall) {
  SaveRig rig(kIoChannels, kSmallImage);
  SinkSetup setup;
  setup.file.durable = true;
  setup.stream.buffer_bytes = 1024;
  for (const CallFault& fault : kCallFaults) {
    std::uint64_t points = 0;
    for (const bool direct : {false, true}) {
      if (direct && fault.to != To::kFile) continue;
      setup.file.direct = direct;
      for (const Way& way : ways({fault.to}, {true})) {
        points += each_system_call(rig, way, fault, setup, 1);
        ASSERT_FALSE(HasFailure());
      }
    }
    RecordProperty(fault.name, static_cast<int>(points));
    // Not every file system has O_DIRECT, without which nothing is cut.
    if (fault.call != Call::kFtruncate) {
      EXPECT_GE(points, 8u) << fault.name;
    }
  }
}

// What the ring does not answer with all bytes is written again without it, and only that failure counts.
constexpr CallFault kRingFaults[] = {
    {"short write", To::kFile, Call::kRingMove, {.error = 0, .most = 100}, Status::kSuccess, io::IoStep::kNone},
    {"write of one block", To::kFile, Call::kRingMove, {.error = 0, .most = 4096}, Status::kSuccess, io::IoStep::kNone},
    {"writes of one block from",
     To::kFile,
     Call::kRingMove,
     {.error = 0, .most = 4096, .stays = true},
     Status::kSuccess,
     io::IoStep::kNone},
    {"EIO of the ring alone", To::kFile, Call::kRingMove, {.error = EIO}, Status::kSuccess, io::IoStep::kNone},
    {"EINTR", To::kFile, Call::kRingMove, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EAGAIN", To::kFile, Call::kRingMove, {.error = EAGAIN}, Status::kSuccess, io::IoStep::kNone},
    {"EAGAIN from", To::kFile, Call::kRingMove, {.error = EAGAIN, .stays = true}, Status::kSuccess, io::IoStep::kNone},
    {"EIO from",
     To::kFile,
     Call::kRingMove,
     {.error = EIO, .stays = true},
     Status::kUnexpectedIoError,
     io::IoStep::kWrite,
     set_of(Call::kPwrite)},
    {"a full disk from",
     To::kFile,
     Call::kRingMove,
     {.error = ENOSPC, .stays = true},
     Status::kInsufficientResources,
     io::IoStep::kWrite,
     set_of(Call::kPwrite)},
    {"no ring", To::kFile, Call::kRingSetup, {.error = EPERM}, Status::kSuccess, io::IoStep::kNone},
    {"EINTR of a submit", To::kFile, Call::kRingSubmit, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EAGAIN of a submit", To::kFile, Call::kRingSubmit, {.error = EAGAIN}, Status::kSuccess, io::IoStep::kNone},
    {"a ring that takes no more from",
     To::kFile,
     Call::kRingSubmit,
     {.error = EPERM, .stays = true},
     Status::kSuccess,
     io::IoStep::kNone},
    {"EINTR of a wait", To::kFile, Call::kRingWait, {.error = EINTR}, Status::kSuccess, io::IoStep::kNone},
    {"EAGAIN of a wait", To::kFile, Call::kRingWait, {.error = EAGAIN}, Status::kSuccess, io::IoStep::kNone},
    {"a ring that is broken from wait",
     To::kFile,
     Call::kRingWait,
     {.error = EPERM, .stays = true},
     Status::kSuccess,
     io::IoStep::kNone},
    {"a disk that is gone, and a ring that takes no more, from",
     To::kFile,
     Call::kRingSubmit,
     {.error = EIO, .stays = true},
     Status::kUnexpectedIoError,
     io::IoStep::kWrite,
     set_of(Call::kPwrite)},
};

TEST(FaultIo, EachCallOfTheRing) {
  if (const std::string why = why_no_ring(); !why.empty()) GTEST_SKIP() << why;
  SaveRig rig(kIoChannels, kSmallImage);
  SinkSetup setup;
  setup.file = {.uring = true, .durable = false, .buffers = 2, .buffer_bytes = 4096};
  for (const CallFault& fault : kRingFaults) {
    std::uint64_t points = 0;
    for (const bool direct : {false, true}) {
      setup.file.direct = direct;
      for (const Way& way : ways({To::kFile}, {true, false})) {
        points += each_system_call(rig, way, fault, setup, 1);
        ASSERT_FALSE(HasFailure());
      }
    }
    RecordProperty(fault.name, static_cast<int>(points));
    EXPECT_GE(points, fault.call == Call::kRingSetup ? 16u : 32u) << fault.name;
  }
}

TEST(FaultIo, SomeCallsOfTheRingWhileItIsSaved) {
  if (const std::string why = why_no_ring(); !why.empty()) GTEST_SKIP() << why;
  SaveRig rig(kIoChannels, kLargeImage);
  SinkSetup setup;
  setup.file.direct = setup.file.uring = true;
  setup.file.buffers = 4;
  for (const CallFault& fault : kRingFaults) {
    std::uint64_t points = 0;
    for (const Way& way : ways({To::kFile}, {true})) {
      points += each_system_call(rig, way, fault, setup, 29);
      ASSERT_FALSE(HasFailure());
    }
    RecordProperty(fault.name, static_cast<int>(points));
    EXPECT_GE(points, 4u) << fault.name;
  }
}

// One that was only interrupted goes on being used; one that has refused once is not.
TEST(FaultIo, ARingIsGivenUpWhereItRefuses) {
  if (const std::string why = why_no_ring(); !why.empty()) GTEST_SKIP() << why;
  const Folder folder;
  const auto submits = [&](std::uint64_t number, int error) {
    const Injection injection(set_of(Call::kRingSubmit), number, {.error = error});
    io::IoError why;
    const auto sink = io::create_file((folder / "image").c_str(), {.buffers = 2, .buffer_bytes = 4096}, why);
    EXPECT_EQ(sink->write(some_bytes(10 * 4096)), Status::kSuccess);
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    EXPECT_EQ(bytes_of(folder / "image"), some_bytes(10 * 4096));
    return Injection::calls();
  };
  EXPECT_EQ(submits(0, 0), 10u);
  for (std::uint64_t n = 1; n <= 10; ++n) {
    EXPECT_EQ(submits(n, EINTR), 11u);
    EXPECT_EQ(submits(n, EAGAIN), n);
  }
}

TEST(FaultIo, SomeSystemCallsWhileItIsSaved) {
  SaveRig rig(kIoChannels, kLargeImage);
  for (const CallFault& fault : kCallFaults) {
    const bool is_once_a_file = fault.call != Call::kPwrite && fault.to == To::kFile;
    if (is_once_a_file) continue;
    std::uint64_t points = 0;
    for (const Way& way : ways({fault.to}, {true})) {
      points += each_system_call(rig, way, fault, {}, fault.to == To::kSocket ? 2 : 29);
      ASSERT_FALSE(HasFailure());
    }
    RecordProperty(fault.name, static_cast<int>(points));
    EXPECT_GE(points, 4 * 2u) << fault.name;
  }
}

// ---- what the system really refuses
// ---------------------------------------------------------------------------------------------------------------------

TEST(FaultIo, FullDevice) {
  SaveRig rig(kIoChannels, kSmallImage);
  const Folder elsewhere;
  SinkSetup setup;
  setup.path = device(elsewhere, "full");
  if (setup.path.empty()) GTEST_SKIP() << "no device of its own";
  std::uint64_t points = 0;
  for (const bool uring : {false, true}) {
    setup.file.uring = uring;
    for (const Way& way : ways({To::kFile}, {true, false})) {
      SCOPED_TRACE("/dev/full, " + way.text());
      const Outcome outcome = rig.run(way, {}, {}, setup);
      if (!outcome.has_sink) GTEST_SKIP() << "a device cannot be opened here";
      EXPECT_EQ(outcome.status, Status::kInsufficientResources);
      EXPECT_EQ(outcome.sent.io.error, ENOSPC);
      ++points;
    }
  }
  EXPECT_EQ(points, 16u);
}

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit lower{bytes, old_.rlim_max};
    is_set_ = setrlimit(RLIMIT_FSIZE, &lower) == 0;
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &old_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  bool is_set() const noexcept { return is_set_; }

 private:
  rlimit old_{};
  bool is_set_ = false;
};

TEST(FaultIo, LimitOfFileSize) {
  SaveRig rig(kIoChannels, kSmallImage);
  std::uint64_t refused = 0;
  for (const bool uring : {false, true}) {
    for (const Way& way : ways({To::kFile}, {true})) {
      for (rlim_t limit = 512; limit < rig.expected().size() + 8192; limit += 1536) {
        SCOPED_TRACE("files of at most " + std::to_string(limit) + " bytes, " + way.text());
        const FileSizeLimit guard(limit);
        if (!guard.is_set()) GTEST_SKIP() << "no limit can be set here";
        SinkSetup setup;
        setup.file.uring = uring;
        const std::size_t bytes = rig.expected().size();
        const Outcome outcome = rig.run(way, {}, {}, setup);
        EXPECT_EQ(outcome.status, bytes > limit ? Status::kInsufficientResources : Status::kSuccess);
        refused += bytes > limit ? 1 : 0;
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  EXPECT_GE(refused, 8 * 8u);
}

// A thread of its own has the disk to itself, and takes it along when it ends.
TEST(FaultIo, FullDisk) {
  SaveRig rig(kIoChannels, kSmallImage);
  bool may_mount = false;
  std::uint64_t refused = 0;
  std::uint64_t taken = 0;
  std::thread([&] {
    may_mount = unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    for (unsigned pages = 2; may_mount && pages < 20; ++pages) {
      const std::string size = "size=" + std::to_string(pages * 4096);
      may_mount = mount("none", rig.folder.path().c_str(), "tmpfs", 0, size.c_str()) == 0;
      if (!may_mount) break;
      SinkSetup setup;
      setup.file.uring = pages % 2 == 0;
      setup.file.buffers = 2;
      for (const Way& way : ways({To::kFile}, {true})) {
        SCOPED_TRACE("a disk of " + std::to_string(pages) + " pages, " + way.text());
        const Outcome outcome = rig.run(way, {}, {}, setup);
        if (outcome.status == Status::kSuccess) {
          ++taken;
        } else {
          ++refused;
          EXPECT_EQ(outcome.status, Status::kInsufficientResources);
          EXPECT_EQ(outcome.sent.io.error, ENOSPC);
        }
      }
      EXPECT_EQ(umount(rig.folder.path().c_str()), 0);
    }
  }).join();
  if (!may_mount) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_GE(refused, 4 * 3u);
  EXPECT_GE(taken, 4 * 3u);
}

TEST(FaultIo, BrokenPipeAfterEachSoManyBytes) {
  SaveRig rig(kIoChannels, kSmallImage);
  for (const To to : {To::kSocket, To::kPipe}) {
    std::uint64_t points = 0;
    std::uint64_t broken = 0;
    for (const Way& way : ways({to}, {true})) {
      for (std::size_t bytes = 0; bytes < rig.expected().size(); bytes += 509) {
        SCOPED_TRACE("broken after " + std::to_string(bytes) + " bytes, " + way.text());
        SinkSetup setup;
        setup.stream.buffer_bytes = 1024;
        setup.narrow = true;
        setup.reader_stops_at = bytes;
        const Outcome outcome = rig.run(way, {}, {}, setup);
        if (outcome.status != Status::kSuccess) {
          EXPECT_EQ(outcome.status, Status::kConnectionDisconnected) << status_name(outcome.status);
          ++broken;
        }
        ++points;
        ASSERT_FALSE(HasFailure());
      }
    }
    RecordProperty(to == To::kPipe ? "pipe" : "socket", static_cast<int>(broken));
    EXPECT_GE(points, 4 * 30u);
    EXPECT_GE(broken, points / 2) << "but for what lies between the ends";
  }
}

TEST(FaultIo, BrokenWhileItIsSaved) {
  SaveRig rig(kIoChannels, kLargeImage);
  for (const To to : {To::kSocket, To::kPipe}) {
    std::uint64_t broken = 0;
    for (const Way& way : ways({to}, {true, false})) {
      for (std::size_t bytes = 0; bytes < rig.expected().size() / 2; bytes += 50'001) {
        SCOPED_TRACE("broken after " + std::to_string(bytes) + " bytes, " + way.text());
        SinkSetup setup;
        setup.reader_stops_at = bytes;
        const Outcome outcome = rig.run(way, {}, {}, setup);
        broken += outcome.status == Status::kConnectionDisconnected ? 1 : 0;
        ASSERT_FALSE(HasFailure());
      }
    }
    EXPECT_GE(broken, 8u);
  }
}

TEST(FaultIo, AnotherEndThatTakesNothing) {
  SaveRig rig(kIoChannels, kSmallImage);
  for (const Way& way : ways({To::kSocket, To::kPipe}, {true, false})) {
    SCOPED_TRACE("nobody reads, " + way.text());
    SinkSetup setup;
    setup.stream = {.timeout_ns = 3'000'000, .buffer_bytes = 1024};
    setup.narrow = true;
    setup.reader_waits = true;
    const Outcome outcome = rig.run(way, {}, {}, setup);
    EXPECT_EQ(outcome.status, Status::kIoTimeout) << status_name(outcome.status);
    EXPECT_EQ(outcome.sent.io.step, io::IoStep::kWait);
    EXPECT_EQ(outcome.save.failure.status, Status::kSuccess);
  }
}

// What ends the save ends the wait for the other end, which by itself would last longer than this test may: in the
// pass, when the image is to move, or when all is saved and only the sending is left.
TEST(FaultIo, AnotherEndThatTakesNothingIsLeftWhenTheSaveHasToEnd) {
  constexpr std::uint64_t kAfter = 20'000'000;
  enum class End { kDeadline, kCancel, kFailure };
  SinkSetup setup;
  setup.stream = {.timeout_ns = 600'000'000'000, .buffer_bytes = 1024};
  setup.narrow = true;
  setup.reader_waits = true;
  for (const std::uint32_t packets : {kSmallImage, kLargeImage}) {
    SaveRig rig(kIoChannels, packets);
    std::uint64_t complete = 0;
    for (const Way& way : ways({To::kSocket, To::kPipe}, {true, false})) {
      for (const End end : {End::kDeadline, End::kCancel, End::kFailure}) {
        SCOPED_TRACE("end " + std::to_string(static_cast<int>(end)) + ", " + way.text());
        CancelToken token;
        std::atomic<bool> over{false};
        rig.vm.begun_ns = 0;
        std::thread other([&] {
          while (rig.vm.begun_ns == 0 || base::now_ns() - rig.vm.begun_ns < kAfter) std::this_thread::yield();
          if (end == End::kCancel) token.cancel();
          while (!over) std::this_thread::yield();  // so that its memory is there when it is counted
        });
        Faults faults;
        if (end == End::kFailure) faults.callback = {Callback::kSecond, Wrong::kFails, rig.vm.packets() / 2};
        SaveOptions options{.cancel = &token};
        if (end == End::kDeadline) options.deadline_ns = kAfter;
        const Outcome outcome = rig.run(way, faults, options, setup);
        over = true;
        other.join();
        EXPECT_EQ(outcome.status, end == End::kDeadline ? Status::kIoTimeout
                                  : end == End::kCancel ? Status::kCancelled
                                                        : Status::kDataError);
        if (outcome.save.failure.status == Status::kSuccess) {
          ++complete;
          EXPECT_EQ(outcome.sent.io.step, io::IoStep::kWait);
        }
        ASSERT_FALSE(HasFailure());
      }
    }
    EXPECT_GE(complete, 1u) << "some are only sent too late";
  }
}

}  // namespace
}  // namespace vmbsave::test
