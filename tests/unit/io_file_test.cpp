// Images in files: whole or not at all, whatever their size, with and without io_uring and O_DIRECT.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "unit/io_fixture.hpp"

namespace vmbsave::test {
namespace {

constexpr std::size_t kBuffer = 8192;

io::FileOptions small_buffers(bool uring = true, bool direct = true, unsigned buffers = 3) {
  return {.direct = direct, .uring = uring, .durable = false, .buffers = buffers, .buffer_bytes = kBuffer};
}

std::unique_ptr<io::Sink> create(const std::string& path, const io::FileOptions& options = small_buffers()) {
  io::IoError error;
  auto sink = io::create_file(path.c_str(), options, error);
  EXPECT_EQ(error.status, Status::kSuccess) << path << ": " << io::io_step_name(error.step) << ' ' << error.error;
  return sink;
}

std::unique_ptr<io::Source> open(const std::string& path, const io::FileOptions& options = small_buffers()) {
  io::IoError error;
  auto source = io::open_file(path.c_str(), options, error);
  EXPECT_EQ(error.status, Status::kSuccess) << path << ": " << io::io_step_name(error.step) << ' ' << error.error;
  return source;
}

Status save(const std::string& path, const Bytes& bytes, const io::FileOptions& options = small_buffers()) {
  const auto sink = create(path, options);
  if (const Status status = sink->write(bytes); status != Status::kSuccess) return status;
  return sink->finish();
}

io::IoError why_no_sink(const char* path, const io::FileOptions& options = small_buffers()) {
  io::IoError error;
  EXPECT_EQ(io::create_file(path, options, error), nullptr);
  return error;
}

io::IoError why_no_source(const char* path, const io::FileOptions& options = small_buffers()) {
  io::IoError error;
  EXPECT_EQ(io::open_file(path, options, error), nullptr);
  return error;
}

// The four ways: through io_uring or not, past the page cache or not.
class IoFileWays : public testing::TestWithParam<int> {
 protected:
  bool uring() const { return (GetParam() & 1) != 0; }
  bool direct() const { return (GetParam() & 2) != 0; }
  io::FileOptions options(unsigned buffers = 3) const { return small_buffers(uring(), direct(), buffers); }
  Folder folder;
};
INSTANTIATE_TEST_SUITE_P(UringAndDirect, IoFileWays, testing::Range(0, 4));

TEST_P(IoFileWays, WhatIsWrittenIsRead) {
  Random random(static_cast<std::uint64_t>(GetParam()));
  std::vector<std::size_t> sizes{0,
                                 1,
                                 4095,
                                 4096,
                                 4097,
                                 kBuffer - 1,
                                 kBuffer,
                                 kBuffer + 1,
                                 2 * kBuffer,
                                 3 * kBuffer,
                                 3 * kBuffer + 1,
                                 7 * kBuffer,
                                 20 * kBuffer - 1};
  for (int i = 0; i < 40; ++i) sizes.push_back(random() % (3 * kBuffer));
  const std::vector<std::string> open_before = open_files();
  for (const std::size_t size : sizes) {
    const auto buffers = static_cast<unsigned>(1 + random() % 4);
    const Bytes bytes = some_bytes(size, size);
    const auto sink = create(folder / "image", options(buffers));
    EXPECT_EQ(write_in_pieces(*sink, bytes, random, size % 2 == 0 ? 3000 : 20'000), Status::kSuccess);
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    EXPECT_EQ(bytes_of(folder / "image"), bytes) << size;
    const auto source = open(folder / "image", options(buffers));
    EXPECT_EQ(source->size(), size);
    EXPECT_EQ(read_in_pieces(*source, random, size % 2 == 0 ? 20'000 : 3000), bytes) << size;
    std::size_t got = 1;
    Bytes more(10);
    EXPECT_EQ(source->read(more, got), Status::kSuccess);
    EXPECT_EQ(got, 0u);
  }
  EXPECT_EQ(open_files(), open_before);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
}

TEST_P(IoFileWays, FirstBlockIsWrittenAgain) {
  Random random(3);
  for (const std::size_t size : {1u, 100u, 4095u, 4096u, 4097u, 8192u, 60'000u}) {
    for (const std::size_t again :
         {std::size_t{1}, std::min<std::size_t>(size, 100), std::min<std::size_t>(size, 4096)}) {
      Bytes bytes = some_bytes(size, 1);
      const auto sink = create(folder / "image", options());
      EXPECT_EQ(write_in_pieces(*sink, bytes, random, 5000), Status::kSuccess);
      EXPECT_EQ(sink->rewrite(some_bytes(again, 2)), Status::kSuccess);
      EXPECT_EQ(sink->finish(), Status::kSuccess);
      const Bytes head = some_bytes(again, 2);
      std::copy(head.begin(), head.end(), bytes.begin());
      EXPECT_EQ(bytes_of(folder / "image"), bytes) << size << ' ' << again;
    }
  }
}

TEST_P(IoFileWays, FirstBlockWrittenAgainBeforeItIsWhole) {
  const auto sink = create(folder / "image", options());
  EXPECT_EQ(sink->write(some_bytes(100, 1)), Status::kSuccess);
  EXPECT_EQ(sink->rewrite(some_bytes(101, 2)), Status::kInvalidParameter) << "more than was written";
  EXPECT_EQ(sink->rewrite(some_bytes(50, 2)), Status::kSuccess);
  EXPECT_EQ(sink->write(some_bytes(20'000, 3)), Status::kSuccess);
  EXPECT_EQ(sink->rewrite(some_bytes(4097, 2)), Status::kInvalidParameter) << "more than can be";
  EXPECT_EQ(sink->rewritable(), 4096u);
  EXPECT_EQ(sink->rewrite(some_bytes(60, 4)), Status::kSuccess);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  Bytes expected = some_bytes(60, 4);
  const Bytes first = some_bytes(100, 1);
  const Bytes rest = some_bytes(20'000, 3);
  expected.insert(expected.end(), first.begin() + 60, first.end());
  expected.insert(expected.end(), rest.begin(), rest.end());
  EXPECT_EQ(bytes_of(folder / "image"), expected);
}

// The ways are what they say, unless the kernel or the file system refuses one to everybody.
TEST_P(IoFileWays, AreTaken) {
  const std::string no_ring = uring() ? why_no_ring() : "";
  const std::string no_direct = direct() ? why_no_direct(folder.path()) : "";
  const auto sink = create(folder / "image", options());
  EXPECT_EQ(sink->write(some_bytes(kBuffer)), Status::kSuccess);
  const int fd = descriptor_of(folder / folder.names().front());
  ASSERT_GE(fd, 0);
  const bool is_direct = (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
  if (no_ring.empty()) {
    EXPECT_EQ(has_ring(), uring());
  }
  if (no_direct.empty()) {
    EXPECT_EQ(is_direct, direct());
  }
  if (!no_ring.empty() || !no_direct.empty()) GTEST_SKIP() << (no_ring.empty() ? no_direct : no_ring);
}

TEST_P(IoFileWays, FileThatBecomesShorterEndsEarly) {
  for (const std::size_t left : {0u, 1u, 4096u, 8192u, 12'345u, 29'999u, 40'000u}) {
    const Bytes bytes = some_bytes(50'000);
    put_bytes(folder / "image", bytes);
    const auto source = open(folder / "image", options(1));
    Bytes first(100);
    std::size_t got = 0;
    EXPECT_EQ(source->read(first, got), Status::kSuccess);
    EXPECT_EQ(got, 100u);
    fs::resize_file(folder / "image", left);
    Bytes rest(60'000);
    EXPECT_EQ(source->read(rest, got), Status::kSuccess);
    // The first buffer was there already.
    EXPECT_EQ(got, std::max<std::size_t>(left, kBuffer) - 100) << left;
    EXPECT_TRUE(std::equal(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(got), bytes.begin() + 100)) << left;
    EXPECT_EQ(source->size(), 50'000u);
    EXPECT_EQ(source->read(rest, got), Status::kSuccess);
    EXPECT_EQ(got, 0u);
  }
}

TEST_P(IoFileWays, FileThatBecomesLongerEndsWhereItEnded) {
  for (const std::size_t size : {5000u, 8192u, 20'000u}) {
    const Bytes bytes = some_bytes(size);
    put_bytes(folder / "image", bytes);
    const auto source = open(folder / "image", options());
    fs::resize_file(folder / "image", 100'000);
    Random random(1);
    EXPECT_EQ(read_in_pieces(*source, random, 3000), bytes);
  }
}

TEST_P(IoFileWays, NothingIsLeftOpenForOtherPrograms) {
  const auto without_flag = [] {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
      const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFD);
      if (flags >= 0 && (flags & FD_CLOEXEC) == 0) names.push_back(fs::read_symlink(entry.path()));
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  const std::vector<std::string> before = without_flag();
  put_bytes(folder / "image", some_bytes(1));
  const auto sink = create(folder / "image", options());
  const auto source = open(folder / "image", options());
  const std::string null = device(folder, "null");
  if (null.empty()) GTEST_SKIP() << "no device of its own";
  const auto in_place = create(null, options());
  EXPECT_EQ(without_flag(), before);
}

// The kernel gives up what a thread has under way when it ends.
TEST_P(IoFileWays, WrittenByThreadsThatEnd) {
  const Bytes bytes = some_bytes(40 * kBuffer + 5);
  const auto sink = create(folder / "image", options());
  for (std::span<const std::byte> rest = bytes; !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), 3 * kBuffer));
    std::thread([&] { EXPECT_EQ(sink->write(piece), Status::kSuccess); }).join();
    rest = rest.subspan(piece.size());
  }
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  EXPECT_EQ(bytes_of(folder / "image"), bytes);
}

TEST_P(IoFileWays, DurableWithTheBuffersThatAreUsual) {
  const Bytes bytes = some_bytes(9'000'001);
  EXPECT_EQ(save(folder / "image", bytes, {.direct = direct(), .uring = uring()}), Status::kSuccess);
  Random random(1);
  EXPECT_EQ(read_in_pieces(*open(folder / "image", {.direct = direct(), .uring = uring()}), random, 700'000), bytes);
}

TEST(IoFile, OldContentUntilFinish) {
  const Folder folder;
  const Bytes old = some_bytes(30'000, 1);
  const Bytes now = some_bytes(50'000, 2);
  put_bytes(folder / "image", old);
  const auto reader = open(folder / "image");
  const auto sink = create(folder / "image");
  EXPECT_EQ(sink->write(now), Status::kSuccess);
  EXPECT_EQ(bytes_of(folder / "image"), old);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  EXPECT_EQ(bytes_of(folder / "image"), now);
  Random random(1);
  EXPECT_EQ(read_in_pieces(*reader, random, 3000), old) << "who has opened the old one keeps it";
}

TEST(IoFile, GivenUpLeavesTheOldContentAndNothingElse) {
  const Folder folder;
  const Bytes old = some_bytes(30'000, 1);
  put_bytes(folder / "image", old);
  const std::vector<std::string> open_before = open_files();
  { EXPECT_EQ(create(folder / "image")->write(some_bytes(50'000)), Status::kSuccess); }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
  const auto sink = create(folder / "image");
  EXPECT_EQ(sink->write(some_bytes(50'000)), Status::kSuccess);
  EXPECT_EQ(folder.names().size(), 2u);
  sink->abandon();
  EXPECT_EQ(folder.names(), std::vector<std::string>{"image"});
  EXPECT_EQ(open_files(), open_before);
  EXPECT_EQ(bytes_of(folder / "image"), old);
  EXPECT_EQ(sink->write(some_bytes(1)), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->finish(), Status::kInvalidDeviceState);
}

TEST(IoFile, AfterFinishNothingChanges) {
  const Folder folder;
  const std::vector<std::string> open_before = open_files();
  const auto sink = create(folder / "image");
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  EXPECT_EQ(open_files(), open_before);
  EXPECT_EQ(sink->error().status, Status::kSuccess);
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->rewrite(some_bytes(1)), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->finish(), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->error().status, Status::kInvalidDeviceState);
  sink->abandon();
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(10));
}

// A process that is killed leaves the old image, and a file whose name says what it is.
TEST(IoFile, KilledWriter) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(30'000, 1));
  int half_way[2];
  ASSERT_EQ(pipe2(half_way, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto sink = create(folder / "image");
    if (sink->write(some_bytes(500'000)) != Status::kSuccess) _exit(1);
    if (write(half_way[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  EXPECT_EQ(read(half_way[0], &byte, 1), 1);
  EXPECT_EQ(kill(child, SIGKILL), 0);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  close(half_way[0]);
  close(half_way[1]);
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(30'000, 1));
  ASSERT_EQ(folder.names().size(), 2u);
  EXPECT_EQ(folder.names().front().rfind(".image.vmbsave-", 0), 0u) << folder.names().front();
  EXPECT_EQ(save(folder / "image", some_bytes(10'000, 3)), Status::kSuccess);
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(10'000, 3));
}

TEST(IoFile, LinksStay) {
  const Folder folder;
  fs::create_directory(folder / "there");
  put_bytes(folder / "there/image", some_bytes(10, 1));
  fs::create_symlink("there/second", folder / "first");
  fs::create_symlink("image", folder / "there/second");
  EXPECT_EQ(save(folder / "first", some_bytes(5000, 2)), Status::kSuccess);
  EXPECT_EQ(fs::read_symlink(folder / "first"), "there/second");
  EXPECT_EQ(fs::read_symlink(folder / "there/second"), "image");
  EXPECT_FALSE(fs::is_symlink(folder / "there/image"));
  EXPECT_EQ(bytes_of(folder / "there/image"), some_bytes(5000, 2));

  fs::create_symlink(folder / "there/new", folder / "to_nothing");
  EXPECT_EQ(save(folder / "to_nothing", some_bytes(7, 3)), Status::kSuccess);
  EXPECT_TRUE(fs::is_symlink(folder / "to_nothing"));
  EXPECT_EQ(bytes_of(folder / "there/new"), some_bytes(7, 3));

  fs::create_symlink("round", folder / "round");
  EXPECT_EQ(why_no_sink((folder / "round").c_str()).error, ELOOP);
}

TEST(IoFile, NullDeviceIsWrittenInPlace) {
  const Folder folder;
  const std::string null = device(folder, "null");
  if (null.empty()) GTEST_SKIP() << "no device of its own";
  EXPECT_EQ(save(null, some_bytes(100'001), {.buffer_bytes = kBuffer}), Status::kSuccess);
  EXPECT_TRUE(fs::is_character_file(null));
  const auto sink = create(null);
  EXPECT_EQ(sink->write(some_bytes(100)), Status::kSuccess);
  sink->abandon();
  EXPECT_TRUE(fs::is_character_file(null));
}

TEST(IoFile, FullDevice) {
  const Folder folder;
  const std::string full = device(folder, "full");
  if (full.empty()) GTEST_SKIP() << "no device of its own";
  for (const bool uring : {false, true}) {
    const auto sink = create(full, small_buffers(uring));
    Random random(1);
    EXPECT_EQ(write_in_pieces(*sink, some_bytes(200'000), random, 3000), Status::kInsufficientResources);
    EXPECT_EQ(sink->error().step, io::IoStep::kWrite);
    EXPECT_EQ(sink->error().error, ENOSPC);
    EXPECT_EQ(sink->error().offset, 0u);
    EXPECT_EQ(sink->finish(), Status::kInsufficientResources);
    EXPECT_TRUE(fs::is_character_file(full));
  }
}

// None of them keeps anybody waiting: the FIFO has no other end.
TEST(IoFile, WhatIsNoFileIsRefused) {
  const Folder folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0666), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder / "socket").copy(address.sun_path, sizeof address.sun_path - 1);
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(server);
  const std::pair<std::string, int> cases[] = {
      {folder / "", EISDIR}, {folder / ".", EISDIR}, {folder / "fifo", ESPIPE}, {folder / "socket", ESPIPE}};
  for (const auto& [path, error] : cases) {
    for (const io::IoError& why : {why_no_sink(path.c_str()), why_no_source(path.c_str())}) {
      EXPECT_EQ(why.status, Status::kInvalidParameter) << path;
      EXPECT_EQ(why.step, io::IoStep::kOpen) << path;
      EXPECT_EQ(why.error, error) << path;
    }
  }
  EXPECT_EQ(why_no_source("/dev/null").error, ESPIPE);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"fifo", "socket"}));
}

TEST(IoFile, WhatIsNotThere) {
  const Folder folder;
  put_bytes(folder / "file", some_bytes(1));
  EXPECT_EQ(why_no_source((folder / "none").c_str()).status, Status::kObjectNameNotFound);
  for (const std::string& path : {folder / "none/image", folder / "file/image", std::string()}) {
    EXPECT_EQ(why_no_source(path.c_str()).status, Status::kObjectNameNotFound) << path;
    EXPECT_EQ(why_no_sink(path.c_str()).status, Status::kObjectNameNotFound) << path;
  }
  EXPECT_NE(why_no_sink((folder / "none/").c_str()).status, Status::kSuccess);
  EXPECT_EQ(why_no_sink(nullptr).status, Status::kInvalidParameter);
  EXPECT_EQ(why_no_source(nullptr).status, Status::kInvalidParameter);
}

TEST(IoFile, OptionsThatNoFileCanHave) {
  const Folder folder;
  put_bytes(folder / "image", some_bytes(1));
  for (const io::FileOptions& options :
       {io::FileOptions{.buffers = 0}, io::FileOptions{.buffers = 1025}, io::FileOptions{.buffer_bytes = 0},
        io::FileOptions{.buffer_bytes = 4095}, io::FileOptions{.buffer_bytes = 4097},
        io::FileOptions{.buffer_bytes = (std::size_t{1} << 30) + 4096}}) {
    EXPECT_EQ(why_no_sink((folder / "image").c_str(), options).status, Status::kInvalidParameter);
    EXPECT_EQ(why_no_source((folder / "image").c_str(), options).status, Status::kInvalidParameter);
  }
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(1));
}

TEST(IoFile, Permissions) {
  const Folder folder;
  const mode_t before = umask(027);
  EXPECT_EQ(save(folder / "new", some_bytes(1)), Status::kSuccess);
  umask(0);
  put_bytes(folder / "secret", some_bytes(1));
  fs::permissions(folder / "secret", fs::perms(0600));
  EXPECT_EQ(save(folder / "secret", some_bytes(1)), Status::kSuccess);
  umask(077);
  put_bytes(folder / "shared", some_bytes(1));
  fs::permissions(folder / "shared", fs::perms(0664));
  EXPECT_EQ(save(folder / "shared", some_bytes(1)), Status::kSuccess);
  umask(before);
  EXPECT_EQ(fs::status(folder / "new").permissions(), fs::perms(0640));
  EXPECT_EQ(fs::status(folder / "secret").permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(folder / "shared").permissions(), fs::perms(0664));
}

TEST(IoFile, NamesAsLongAsNamesCanBe) {
  const Folder folder;
  const std::string longest(255, 'x');
  EXPECT_EQ(save(folder / longest, some_bytes(10)), Status::kSuccess);
  EXPECT_EQ(bytes_of(folder / longest), some_bytes(10));
  EXPECT_NE(why_no_sink((folder / (longest + "x")).c_str()).status, Status::kSuccess);
}

// The folder stays the one it was when the sink was made.
TEST(IoFile, NameInTheWorkingFolder) {
  const Folder folder;
  EXPECT_IN_CHILD([&] {
    fs::current_path(folder.path());
    const auto sink = create("image");
    EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
    fs::current_path("/");
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    return true;
  });
  EXPECT_EQ(bytes_of(folder / "image"), some_bytes(10));
}

TEST(IoFile, MemoryIsThatOfTheBuffers) {
  const Folder folder;
  const auto sink = create(folder / "image", small_buffers(true, true, 4));
  EXPECT_GE(sink->peak_bytes(), (has_ring() ? 4 : 1) * kBuffer);
  EXPECT_LE(sink->peak_bytes(), 5 * kBuffer);
  EXPECT_LE(create(folder / "image", small_buffers(false, true, 4))->peak_bytes(), 2 * kBuffer);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  EXPECT_GE(open(folder / "image")->peak_bytes(), kBuffer);
}

}  // namespace
}  // namespace vmbsave::test
