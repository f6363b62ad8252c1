// Restores in which an allocation fails, a callback, or the source.
#include <gtest/gtest.h>

#include "io/image_receiver.hpp"
#include "unit/fault_rig.hpp"

namespace vmbsave::test {
namespace {

constexpr unsigned kRestored = 3;  // channels

// How an image is restored.
struct Route {
  Executor* executor = nullptr;
  To from = To::kMemory;
  bool one_by_one = false;          // a channel at a time, for lack of memory
  std::size_t stops_at = SIZE_MAX;  // bytes after which there is no more
  io::FileOptions file{.direct = false, .uring = false, .buffers = 1, .buffer_bytes = 4096};

  std::string text() const {
    constexpr const char* kFrom[] = {"memory", "a file", "a socket", "a pipe"};
    return std::string("from ") + kFrom[static_cast<unsigned>(from)] + ", " +
           (executor == nullptr ? "1 thread" : "2 threads") + (one_by_one ? ", one by one" : "");
  }
};

std::vector<Route> routes(std::initializer_list<To> sources) {
  std::vector<Route> all;
  for (Executor* executor : {static_cast<Executor*>(nullptr), two_threads()}) {
    for (const To from : sources) {
      for (const bool one_by_one : {false, true}) all.push_back({executor, from, one_by_one});
    }
  }
  return all;
}

// Where an image comes from. What goes through the kernel is small enough to lie there.
class Origin {
 public:
  Origin(const Route& route, std::span<const std::byte> image, const Folder& folder)
      : from_(route.from), file_(route.file) {
    bytes_ = image.first(std::min(image.size(), route.stops_at));
    if (from_ == To::kFile) {
      path_ = folder / "source";
      put_bytes(path_, Bytes(bytes_.begin(), bytes_.end()));
    } else if (from_ != To::kMemory) {
      EXPECT_EQ(
          from_ == To::kPipe ? pipe2(ends_, O_CLOEXEC) : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
      EXPECT_EQ(::write(ends_[1], bytes_.data(), bytes_.size()), static_cast<ssize_t>(bytes_.size()));
      close(ends_[1]);
    }
  }
  ~Origin() {
    if (ends_[0] >= 0) close(ends_[0]);
  }

  std::unique_ptr<io::Source> open(io::IoError& error) noexcept {
    error = {.status = Status::kInsufficientResources};
    if (from_ == To::kMemory) return io::make_memory_source(bytes_);
    if (from_ == To::kFile) return io::open_file(path_.c_str(), file_, error);
    return io::make_stream_source(ends_[0], {.buffer_bytes = 512});
  }

 private:
  const To from_;
  const io::FileOptions file_;
  std::span<const std::byte> bytes_;
  std::string path_;
  int ends_[2] = {-1, -1};
};

struct Restored {
  Status status = Status::kSuccess;
  RestoreFault fault = RestoreFault::kNone;
  std::uint64_t met = 0;
};

// A destination that is emptied after each restore.
class RestoreRig {
 public:
  RestoreRig() {
    FaultVm source(kRestored);
    source.fill(60);
    packets_ = source.packets();
    image_ = image_of_vm(source);
    for (int i = 0; i < 2; ++i) {
      for (const Route& route : routes({To::kMemory, To::kFile, To::kSocket, To::kPipe})) {
        EXPECT_EQ(run(route).status, Status::kSuccess);
      }
    }
    settled_ = true;
  }

  Restored run(const Route& route, const Faults& faults = {}) {
    const std::vector<std::string> files = open_files();
    const std::int64_t blocks = live_blocks();
    const std::int64_t mapped = mapped_bytes();
    Restored restored;
    {
      Origin origin(route, image_, folder_);
      restored = attempt(route, origin, faults);
      if (restored.status == Status::kSuccess) {
        EXPECT_EQ(vm_.in_use(), packets_);
        vm_.drop_all();
      }
      EXPECT_EQ(vm_.in_use(), 0u);
      EXPECT_EQ(vm_.allocated(), 0u);
      EXPECT_EQ(vm_.vm.control().epoch(), 0u);
      expect_good_image_restores(route);
    }
    if (settled_) {
      EXPECT_EQ(live_blocks(), blocks) << "blocks of memory";
      EXPECT_EQ(mapped_bytes(), mapped) << "mapped bytes";
    }
    EXPECT_EQ(open_files(), files);
    return restored;
  }

  std::size_t image_bytes() const noexcept { return image_.size(); }
  std::size_t packets() const noexcept { return packets_; }

 private:
  Restored attempt(const Route& route, Origin& origin, const Faults& faults) noexcept {
    Restored restored;
    vm_.arm(faults.callback);
    {
      const Injection injection(faults.calls, faults.number, faults.failure);
      io::IoError error;
      const std::unique_ptr<io::Source> source = origin.open(error);
      restored.status = error.status;
      if (source != nullptr) {
        const io::ReceiveReport report = io::restore_from(
            vm_.vm, *source, {.executor = route.executor, .memory_budget = route.one_by_one ? budget_ : 1u << 24});
        restored.status = report.restore.status;
        restored.fault = report.restore.fault;
      }
    }
    restored.met = Injection::met() + vm_.hits();
    vm_.arm();
    return restored;
  }

  void expect_good_image_restores(const Route& route) {
    const auto source = io::make_memory_source(image_);
    const io::ReceiveReport report = io::restore_from(vm_.vm, *source, {.executor = route.executor});
    EXPECT_EQ(report.restore.status, Status::kSuccess) << restore_fault_text(report.restore.fault);
    EXPECT_EQ(vm_.in_use(), packets_);
    EXPECT_EQ(vm_.allocated(), packets_);
    EXPECT_EQ(image_of_vm(vm_), image_) << "as it was saved";
    vm_.drop_all();
    EXPECT_EQ(vm_.allocated(), 0u);
  }

  static Bytes image_of_vm(FaultVm& vm) {
    save::SaveSession session(vm.vm);
    EXPECT_EQ(session.begin({}), Status::kSuccess);
    EXPECT_EQ(session.save(), Status::kSuccess);
    Bytes bytes(session.image().bytes());
    session.image().copy_to(bytes.data());
    session.end(EndMode::kResume);
    return bytes;
  }

  const Folder folder_;
  FaultVm vm_{kRestored};
  Bytes image_;
  std::size_t packets_ = 0;
  std::uint64_t budget_ = 8192;  // of a channel's stream, and not of two
  bool settled_ = false;
};

// As point(n) for n = 1, 2, ... until nothing has failed.
template <class Point>
std::uint64_t each_point(const std::string& what, const Route& route, Point&& point) {
  for (std::uint64_t n = 1; n < 5000; ++n) {
    SCOPED_TRACE(what + " " + std::to_string(n) + ", " + route.text());
    if (!point(n)) return n - 1;
    if (testing::Test::HasFailure()) return n;
  }
  ADD_FAILURE() << "no end: " << what;
  return 5000;
}

TEST(FaultRestore, EachAllocation) {
  RestoreRig rig;
  unsigned met = 0;
  std::uint64_t points = 0;
  for (const Route& route : routes({To::kMemory, To::kFile, To::kSocket})) {
    for (const bool stays : {false, true}) {
      points += each_point(stays ? "no memory from allocation" : "allocation", route, [&](std::uint64_t n) {
        const Restored restored = rig.run(route, {.calls = kMemoryCalls, .number = n, .failure = {.stays = stays}});
        met |= restored.met == 0 ? 0 : Injection::met_calls();
        EXPECT_TRUE(restored.status == Status::kInsufficientResources || restored.status == Status::kSuccess)
            << status_name(restored.status);
        EXPECT_TRUE(restored.met != 0 || restored.status == Status::kSuccess);
        return restored.met != 0;
      });
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_EQ(met, kMemoryCalls) << "each kind of allocation";
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(points, 400u);
}

struct RestoreMisbehaviour {
  const char* name;
  Wrong wrong;
  RestoreFault fault;
};

TEST(FaultRestore, EachCallback) {
  constexpr RestoreMisbehaviour kAll[] = {
      {"RestorePacket fails", Wrong::kFails, RestoreFault::kRefused},
      {"RestorePacket throws", Wrong::kThrows, RestoreFault::kException},
      {"RestorePacket finds no memory", Wrong::kThrowsBad, RestoreFault::kNoMemory},
      {"RestorePacket forgets to restore", Wrong::kForgets, RestoreFault::kContract},
  };
  RestoreRig rig;
  for (const RestoreMisbehaviour& misbehaviour : kAll) {
    std::uint64_t points = 0;
    for (Route route : routes({To::kMemory})) {
      points += each_point(misbehaviour.name, route, [&](std::uint64_t n) {
        route.from = n % 9 == 0 ? To::kSocket : To::kMemory;
        const Restored restored = rig.run(route, {.callback = {Callback::kRestore, misbehaviour.wrong, n}});
        EXPECT_EQ(restored.fault, restored.met == 0 ? RestoreFault::kNone : misbehaviour.fault)
            << restore_fault_text(restored.fault);
        return restored.met != 0;
      });
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_EQ(points, 4 * rig.packets()) << misbehaviour.name;
  }
}

TEST(FaultRestore, TruncatedAtManyPlaces) {
  RestoreRig rig;
  std::uint64_t points = 0;
  for (Route route : routes({To::kMemory, To::kFile, To::kSocket, To::kPipe})) {
    for (std::size_t bytes = 0; bytes < rig.image_bytes(); bytes += 211) {
      SCOPED_TRACE("truncated at " + std::to_string(bytes) + ", " + route.text());
      route.stops_at = bytes;
      EXPECT_EQ(rig.run(route).fault, RestoreFault::kMissingTail);
      ++points;
    }
    ASSERT_FALSE(HasFailure());
  }
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(points, 16 * 50u);
}

struct SourceFault {
  const char* name;
  To from;
  Call call;
  Failure failure;
  Status status;
};

TEST(FaultRestore, EachSystemCall) {
  constexpr SourceFault kAll[] = {
      {"short read", To::kFile, Call::kPread, {.error = 0, .most = 100}, Status::kSuccess},
      {"EINTR", To::kFile, Call::kPread, {.error = EINTR}, Status::kSuccess},
      {"EIO", To::kFile, Call::kPread, {.error = EIO}, Status::kUnexpectedIoError},
      {"EINTR of an open", To::kFile, Call::kOpen, {.error = EINTR}, Status::kSuccess},
      {"EMFILE", To::kFile, Call::kOpen, {.error = EMFILE}, Status::kInsufficientResources},
      {"EACCES", To::kFile, Call::kOpen, {.error = EACCES}, Status::kAccessDenied},
      {"one byte from a socket", To::kSocket, Call::kRecv, {.error = 0, .most = 1}, Status::kSuccess},
      {"EINTR of a socket", To::kSocket, Call::kRecv, {.error = EINTR}, Status::kSuccess},
      {"EAGAIN of a socket", To::kSocket, Call::kRecv, {.error = EAGAIN}, Status::kSuccess},
      {"ECONNRESET", To::kSocket, Call::kRecv, {.error = ECONNRESET}, Status::kConnectionDisconnected},
      {"EIO of a socket", To::kSocket, Call::kRecv, {.error = EIO}, Status::kUnexpectedIoError},
      {"one byte from a pipe", To::kPipe, Call::kRead, {.error = 0, .most = 1}, Status::kSuccess},
      {"EINTR of a pipe", To::kPipe, Call::kRead, {.error = EINTR}, Status::kSuccess},
      {"EIO of a pipe", To::kPipe, Call::kRead, {.error = EIO}, Status::kUnexpectedIoError},
      {"EINTR of a wait", To::kPipe, Call::kPoll, {.error = EINTR}, Status::kSuccess},
      {"ENOMEM of a wait", To::kPipe, Call::kPoll, {.error = ENOMEM}, Status::kInsufficientResources},
  };
  RestoreRig rig;
  for (const SourceFault& fault : kAll) {
    std::uint64_t points = 0;
    for (const Route& route : routes({fault.from})) {
      points += each_point(fault.name, route, [&](std::uint64_t n) {
        const Restored restored = rig.run(route, {.calls = set_of(fault.call), .number = n, .failure = fault.failure});
        EXPECT_EQ(restored.status, restored.met == 0 ? Status::kSuccess : fault.status) << status_name(restored.status);
        return restored.met != 0;
      });
      ASSERT_FALSE(HasFailure());
    }
    RecordProperty(fault.name, static_cast<int>(points));
    EXPECT_GE(points, 4u) << fault.name;
  }
}

struct RingReadFault {
  const char* name;
  unsigned calls;
  Failure failure;
  Status status;  // kSuccess: the rest is read without the ring
};

constexpr RingReadFault kRingReadFaults[] = {
    {"short read", set_of(Call::kRingMove), {.error = 0, .most = 100}, Status::kSuccess},
    {"short reads from", set_of(Call::kRingMove), {.error = 0, .most = 100, .stays = true}, Status::kSuccess},
    {"EIO of the ring alone", set_of(Call::kRingMove), {.error = EIO}, Status::kSuccess},
    {"EINTR", set_of(Call::kRingMove), {.error = EINTR}, Status::kSuccess},
    {"EAGAIN from", set_of(Call::kRingMove), {.error = EAGAIN, .stays = true}, Status::kSuccess},
    {"EIO from", set_of(Call::kRingMove, Call::kPread), {.error = EIO, .stays = true}, Status::kUnexpectedIoError},
    {"no ring", set_of(Call::kRingSetup), {.error = EPERM}, Status::kSuccess},
    {"a ring that takes no more from", set_of(Call::kRingSubmit), {.error = EPERM, .stays = true}, Status::kSuccess},
    {"EAGAIN of a submit", set_of(Call::kRingSubmit), {.error = EAGAIN}, Status::kSuccess},
    {"EINTR of a submit", set_of(Call::kRingSubmit), {.error = EINTR}, Status::kSuccess},
    {"EINTR of a wait", set_of(Call::kRingWait), {.error = EINTR}, Status::kSuccess},
    {"a ring that is broken from wait", set_of(Call::kRingWait), {.error = EPERM, .stays = true}, Status::kSuccess},
};

TEST(FaultRestore, EachCallOfTheRing) {
  if (const std::string why = why_no_ring(); !why.empty()) GTEST_SKIP() << why;
  RestoreRig rig;
  for (const RingReadFault& fault : kRingReadFaults) {
    std::uint64_t points = 0;
    for (const bool direct : {false, true}) {
      for (Route route : routes({To::kFile})) {
        route.file = {.direct = direct, .uring = true, .buffers = 2, .buffer_bytes = 4096};
        points += each_point(fault.name, route, [&](std::uint64_t n) {
          const Restored restored = rig.run(route, {.calls = fault.calls, .number = n, .failure = fault.failure});
          EXPECT_EQ(restored.status, restored.met == 0 ? Status::kSuccess : fault.status)
              << status_name(restored.status);
          return restored.met != 0;
        });
        ASSERT_FALSE(HasFailure());
      }
    }
    RecordProperty(fault.name, static_cast<int>(points));
    EXPECT_GE(points, 8u) << fault.name;
  }
}

}  // namespace
}  // namespace vmbsave::test
