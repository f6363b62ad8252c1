// Files where the system does not give what they ask for. Each case runs in a process of its own, with the real
// refusal: a seccomp filter, a limit, a full or a plain file system.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "io/descriptor.hpp"
#include "unit/io_fixture.hpp"

namespace vmbsave::test {
namespace {

constexpr std::size_t kBytes = 500'001;

constexpr io::FileOptions kSmall{.buffers = 4, .buffer_bytes = 8192};

std::unique_ptr<io::Sink> sink_of(const std::string& path, const io::FileOptions& options = kSmall) {
  io::IoError error;
  auto sink = io::create_file(path.c_str(), options, error);
  EXPECT_EQ(error.status, Status::kSuccess) << io::io_step_name(error.step) << ' ' << error.error;
  return sink;
}

// Writes and reads a file, and finds no ring meanwhile.
void work_without_ring(const Folder& folder) {
  const auto sink = sink_of(folder / "image");
  EXPECT_FALSE(has_ring());
  EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  io::IoError error;
  const auto source = io::open_file((folder / "image").c_str(), kSmall, error);
  EXPECT_FALSE(has_ring());
  Random random(1);
  EXPECT_EQ(read_in_pieces(*source, random, 20'000), some_bytes(kBytes));
}

void expect_failure(io::Sink& sink, const Folder& folder, Status status, io::IoStep step, int error) {
  const Status written = sink.write(some_bytes(kBytes));
  EXPECT_EQ(written == Status::kSuccess ? sink.finish() : written, status);
  EXPECT_EQ(sink.error().status, status);
  EXPECT_EQ(sink.error().step, step);
  EXPECT_EQ(sink.error().error, error);
  EXPECT_EQ(sink.write({}), status) << "the first failure stays";
  EXPECT_EQ(sink.finish(), status);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"}) << "nothing is left behind";
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(10)) << "what was there is there";
}

TEST(IoFileRefusal, NoRing) {
  for (const int error : {ENOSYS, EPERM, ENOMEM}) {
    const Folder folder;
    EXPECT_IN_CHILD([&] {
      if (!refuse({SYS_io_uring_setup, error})) return false;
      work_without_ring(folder);
      return true;
    });
  }
}

// What is under way when the ring is refused is waited for, and the rest goes without it.
TEST(IoFileRefusal, NoRingAnyMore) {
  for (const bool direct : {false, true}) {
    const Folder folder;
    EXPECT_IN_CHILD([&] {
      io::FileOptions options = kSmall;
      options.direct = direct;
      const auto sink = sink_of(folder / "image", options);
      const auto other = sink_of(folder / "other", options);
      EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
      EXPECT_EQ(other->write(some_bytes(kBytes)), Status::kSuccess);
      if (!refuse({SYS_io_uring_enter, EPERM})) return false;
      other->abandon();
      EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
      EXPECT_EQ(sink->finish(), Status::kSuccess);
      return true;
    });
    Bytes expected = some_bytes(kBytes);
    const Bytes again = some_bytes(kBytes);
    expected.insert(expected.end(), again.begin(), again.end());
    EXPECT_EQ(bytes_of(folder / "image"), expected);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
  }
}

TEST(IoFileRefusal, NoRingAnyMoreForReading) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(kBytes));
  EXPECT_IN_CHILD([&] {
    io::IoError error;
    const auto source = io::open_file((folder / "image").c_str(), kSmall, error);
    Bytes first(10'000);
    std::size_t got = 0;
    EXPECT_EQ(source->read(first, got), Status::kSuccess);
    if (!refuse({SYS_io_uring_enter, EPERM})) return false;
    Random random(1);
    const Bytes rest = read_in_pieces(*source, random, 20'000);
    first.insert(first.end(), rest.begin(), rest.end());
    EXPECT_EQ(first, some_bytes(kBytes));
    return true;
  });
}

TEST(IoFileRefusal, NoDirect) {
  const Folder folder;
  EXPECT_IN_CHILD([&] {
    if (!refuse({SYS_fcntl, EINVAL, {{1, F_SETFL}, {2, O_DIRECT, true}}})) return false;
    EXPECT_EQ(fcntl(0, F_SETFL, O_DIRECT), -1);
    const auto sink = sink_of(folder / "image");
    EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    return true;
  });
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(kBytes));
}

// SIGXFSZ would end the child: its default is what it is. The limit lies within a block, at its end, and at zero.
TEST(IoFileRefusal, LimitOfFileSize) {
  for (const int way : {0, 1, 2, 3}) {
    for (const rlim_t limit : {0u, 10'000u, 16'384u, 100'000u}) {
      const Folder folder;
      put_bytes(folder / "image", some_bytes(10));
      EXPECT_IN_CHILD([&] {
        rlimit old{};
        getrlimit(RLIMIT_FSIZE, &old);
        const rlimit lower{limit, old.rlim_max};
        if (setrlimit(RLIMIT_FSIZE, &lower) != 0) return false;
        io::FileOptions options = kSmall;
        options.uring = (way & 1) != 0;
        options.direct = (way & 2) != 0;
        const auto sink = sink_of(folder / "image", options);
        expect_failure(*sink, folder, Status::kInsufficientResources, io::IoStep::kWrite, EFBIG);
        EXPECT_EQ(sink->error().offset, limit);
        setrlimit(RLIMIT_FSIZE, &old);
        sigset_t pending;
        sigpending(&pending);
        EXPECT_EQ(sigismember(&pending, SIGXFSZ), 0);
        return true;
      });
    }
  }
}

// In namespaces of its own, so that nobody else sees the mount. False: not allowed.
bool mount_on(const std::string& path, const char* type, const char* options) {
  return unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", path.c_str(), type, 0, options) == 0;
}

TEST(IoFileRefusal, FullDisk) {
  for (const bool uring : {false, true}) {
    const Folder folder;
    EXPECT_IN_CHILD([&] {
      if (!mount_on(folder.path(), "tmpfs", "size=256k")) return false;
      put_bytes(folder / "image", some_bytes(10));
      io::FileOptions options = kSmall;
      options.uring = uring;
      const auto sink = sink_of(folder / "image", options);
      expect_failure(*sink, folder, Status::kInsufficientResources, io::IoStep::kWrite, ENOSPC);
      EXPECT_GT(sink->error().offset, 200'000u);
      EXPECT_LE(sink->error().offset, 256u << 10);
      return true;
    });
  }
}

// ramfs does not know O_DIRECT.
TEST(IoFileRefusal, FileSystemWithoutDirect) {
  const Folder folder;
  EXPECT_IN_CHILD([&] {
    if (!mount_on(folder.path(), "ramfs", "")) return false;
    const auto sink = sink_of(folder / "image");
    EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    EXPECT_EQ(bytes_of(folder / "image"), some_bytes(kBytes));
    return true;
  });
}

TEST(IoFileRefusal, ReadOnlyFileSystem) {
  const Folder folder;
  EXPECT_IN_CHILD([&] {
    if (!mount_on(folder.path(), "tmpfs", "ro")) return false;
    io::IoError error;
    EXPECT_EQ(io::create_file((folder / "image").c_str(), kSmall, error), nullptr);
    EXPECT_EQ(error.status, Status::kAccessDenied);
    EXPECT_EQ(error.error, EROFS);
    return true;
  });
}

TEST(IoFileRefusal, Sync) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(10));
  EXPECT_IN_CHILD([&] {
    if (!refuse({SYS_fsync, EIO})) return false;
    expect_failure(*sink_of(folder / "image"), folder, Status::kUnexpectedIoError, io::IoStep::kSync, EIO);
    return true;
  });
}

TEST(IoFileRefusal, NotDurableDoesNotSync) {
  const Folder folder;
  EXPECT_IN_CHILD([&] {
    if (!refuse({SYS_fsync, EIO})) return false;
    io::FileOptions options = kSmall;
    options.durable = false;
    EXPECT_EQ(sink_of(folder / "image", options)->finish(), Status::kSuccess);
    return true;
  });
}

// The descriptor that is opened next, which is the folder's, cannot be synced.
TEST(IoFileRefusal, SyncOfTheFolder) {
  for (const int error : {EIO, EINVAL}) {
    const Folder folder;
    EXPECT_IN_CHILD([&] {
      const int next = dup(0);
      close(next);
      if (!refuse({SYS_fsync, error, {{0, static_cast<std::uint32_t>(next)}}})) return false;
      const auto sink = sink_of(folder / "image");
      EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
      EXPECT_EQ(sink->finish(), error == EIO ? Status::kUnexpectedIoError : Status::kSuccess);
      EXPECT_EQ(sink->error().step, error == EIO ? io::IoStep::kSyncDirectory : io::IoStep::kNone);
      return true;
    });
    EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
    EXPECT_EQ(bytes_of(folder / "image"), some_bytes(10)) << "it has its name";
  }
}

// What a file system has kept to itself until then.
TEST(IoFileRefusal, Close) {
  for (const int error : {EIO, EINTR}) {
    const Folder folder;
    put_bytes(folder / "image", some_bytes(10));
    EXPECT_IN_CHILD([&] {
      const auto sink = sink_of(folder / "image");
      const int fd = descriptor_of(folder / folder.names().front());
      EXPECT_GE(fd, 0);
      if (!refuse({SYS_close, error, {{0, static_cast<std::uint32_t>(fd)}}})) return false;
      if (error == EIO) {
        expect_failure(*sink, folder, Status::kUnexpectedIoError, io::IoStep::kSync, EIO);
      } else {
        EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
        EXPECT_EQ(sink->finish(), Status::kSuccess) << "closed all the same";
      }
      return true;
    });
    EXPECT_EQ(bytes_of(folder / "image"), some_bytes(error == EIO ? 10 : kBytes));
  }
}

// Of several under way.
TEST(IoFileRefusal, TheFirstFailureInTheFileIsTold) {
  for (const bool direct : {false, true}) {
    const Folder folder;
    EXPECT_IN_CHILD([&] {
      constexpr rlim_t kFits = 10'000;
      const rlimit limit{kFits, kFits};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
      io::FileOptions options = kSmall;
      options.direct = direct;
      const auto sink = sink_of(folder / "image", options);
      const Status written = sink->write(some_bytes(options.buffers * options.buffer_bytes - 100));
      EXPECT_EQ(written == Status::kSuccess ? sink->finish() : written, Status::kInsufficientResources);
      EXPECT_EQ(sink->error().error, EFBIG);
      EXPECT_EQ(sink->error().offset, kFits);
      return true;
    });
    EXPECT_TRUE(folder.names().empty());
  }
}

// A device that has no places would take writes in any order.
TEST(IoFileRefusal, DeviceThatCannotSeek) {
  const io::Descriptor terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_GE(terminal.get(), 0);
  ASSERT_EQ(grantpt(terminal.get()), 0);
  ASSERT_EQ(unlockpt(terminal.get()), 0);
  io::IoError error;
  EXPECT_EQ(io::create_file(ptsname(terminal.get()), kSmall, error), nullptr);
  EXPECT_EQ(error.step, io::IoStep::kOpen);
  EXPECT_EQ(error.error, ESPIPE);
}

// Past the page cache it is written with padding, which need not fit.
TEST(IoFileRefusal, ImageThatJustFitsTheLimitOfFileSize) {
  for (const bool uring : {false, true}) {
    for (const bool direct : {false, true}) {
      const Folder folder;
      EXPECT_IN_CHILD([&] {
        constexpr std::size_t kFits = 20'000;
        const rlimit limit{kFits, kFits};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
        io::FileOptions options = kSmall;
        options.uring = uring;
        options.direct = direct;
        const auto sink = sink_of(folder / "image", options);
        EXPECT_EQ(sink->write(some_bytes(kFits)), Status::kSuccess);
        EXPECT_EQ(sink->finish(), Status::kSuccess) << uring << direct << ' ' << sink->error().error;
        return true;
      });
      EXPECT_EQ(bytes_of(folder / "image"), some_bytes(20'000));
    }
  }
}

TEST(IoFileRefusal, Rename) {
  const Folder folder;
  const auto sink = sink_of(folder / "image");
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
  fs::create_directory(folder / "image");
  EXPECT_EQ(sink->finish(), Status::kInvalidParameter);
  EXPECT_EQ(sink->error().step, io::IoStep::kRename);
  EXPECT_EQ(sink->error().error, EISDIR);
  EXPECT_EQ(sink->error().offset, 10u);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
  EXPECT_TRUE(fs::is_directory(folder / "image"));
}

TEST(IoFileRefusal, FolderIsGone) {
  const Folder folder;
  fs::create_directory(folder / "sub");
  const auto sink = sink_of(folder / "sub/image");
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
  fs::remove_all(folder / "sub");
  EXPECT_EQ(sink->finish(), Status::kObjectNameNotFound);
  EXPECT_EQ(sink->error().step, io::IoStep::kRename);
}

TEST(IoFileRefusal, SomebodyElsesFolder) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(10));
  fs::permissions(folder / "image", fs::perms(0600));
  fs::permissions(folder.path(), fs::perms(0755));
  EXPECT_IN_CHILD([&] {
    constexpr uid_t kNobody = 65534;
    if (setuid(kNobody) != 0) return false;
    io::IoError error;
    EXPECT_EQ(io::create_file((folder / "image").c_str(), kSmall, error), nullptr);
    EXPECT_EQ(error.status, Status::kAccessDenied);
    EXPECT_EQ(io::open_file((folder / "image").c_str(), kSmall, error), nullptr);
    EXPECT_EQ(error.status, Status::kAccessDenied);
    EXPECT_EQ(error.step, io::IoStep::kOpen);
    return true;
  });
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
}

// With room for none, for the folder alone, for the file too, and for the ring.
TEST(IoFileRefusal, NoDescriptors) {
  // The undefined-behaviour sanitizer, part of the same leg, opens a pipe to look at an object before a virtual call,
  // and calls the object invalid if it gets none.
  if (kAddressSanitizer) GTEST_SKIP() << "the sanitizers need descriptors of their own";
  const Folder folder;
  for (const rlim_t room : {0u, 1u, 2u, 3u}) {
    EXPECT_IN_CHILD([&] {
      const int next = dup(0);
      close(next);
      rlimit limit{};
      getrlimit(RLIMIT_NOFILE, &limit);
      limit.rlim_cur = static_cast<rlim_t>(next) + room;
      if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
      io::IoError error;
      const auto sink = io::create_file((folder / "image").c_str(), kSmall, error);
      EXPECT_EQ(sink != nullptr, room >= 2);
      if (sink == nullptr) {
        EXPECT_EQ(error.status, Status::kInsufficientResources);
        EXPECT_EQ(error.error, EMFILE);
        return true;
      }
      EXPECT_EQ(sink->write(some_bytes(kBytes)), Status::kSuccess);
      EXPECT_EQ(sink->finish(), Status::kSuccess);
      return true;
    });
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(kBytes));
}

// No addresses for the buffers (1 MiB each, as is usual), or no pages.
TEST(IoFileRefusal, NoMemory) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(10));
  for (const Refusal& refusal : {Refusal{SYS_mmap, ENOMEM, {{1, 0xFFF0'0000, true}}},
                                 Refusal{SYS_madvise, ENOMEM, {{2, MADV_POPULATE_WRITE}}}}) {
    EXPECT_IN_CHILD([&] {
      if (!refuse(refusal)) return false;
      io::IoError error;
      EXPECT_EQ(io::create_file((folder / "image").c_str(), {}, error), nullptr);
      EXPECT_EQ(error.status, Status::kInsufficientResources);
      EXPECT_EQ(error.step, io::IoStep::kOpen);
      EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
      EXPECT_EQ(io::open_file((folder / "image").c_str(), {}, error), nullptr);
      EXPECT_EQ(error.status, Status::kInsufficientResources);
      return true;
    });
  }
}

TEST(IoFileRefusal, ReadErrorIsToldWithItsPlace) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(kBytes));
  EXPECT_IN_CHILD([&] {
    io::FileOptions options = kSmall;
    options.uring = false;
    io::IoError error;
    const auto source = io::open_file((folder / "image").c_str(), options, error);
    Bytes bytes(10'000);
    std::size_t got = 0;
    EXPECT_EQ(source->read(bytes, got), Status::kSuccess);
    if (!refuse({SYS_pread64, EIO})) return false;
    Bytes more(100'000);
    EXPECT_EQ(source->read(more, got), Status::kUnexpectedIoError);
    EXPECT_EQ(got, 16'384u - 10'000u) << "what was there already";
    EXPECT_EQ(source->error().step, io::IoStep::kRead);
    EXPECT_EQ(source->error().error, EIO);
    EXPECT_EQ(source->error().offset, 16'384u);
    EXPECT_EQ(source->read(more, got), Status::kUnexpectedIoError);
    EXPECT_EQ(got, 0u);
    return true;
  });
}

}  // namespace
}  // namespace vmbsave::test
