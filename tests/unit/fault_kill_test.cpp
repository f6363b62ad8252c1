// Processes that are killed while they write an image, send one, or take one.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <random>

#include "io/image_receiver.hpp"
#include "unit/fault_rig.hpp"

namespace vmbsave::test {
namespace {

constexpr unsigned kKilledChannels = 3;
constexpr std::uint32_t kKilledPackets = 1'450;

// A child that runs `body` until it is killed.
class Child {
 public:
  template <class Body>
  explicit Child(Body&& body) : pid_(fork()) {
    if (pid_ == 0) {
      body();
      _exit(0);
    }
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

Status save_once(FaultVm& vm, save::SaveSession& session, io::Sink* sink) {
  if (sink == nullptr || session.begin({}) != Status::kSuccess) return Status::kUnsuccessful;
  const Status status = io::save_to(session, *sink).status;
  session.end(EndMode::kResume);
  vm.arm();
  return status;
}

Bytes image_before_the_kill(FaultVm& vm) {
  Bytes bytes;
  save::SaveSession session(vm.vm);
  EXPECT_EQ(save_once(vm, session, io::make_memory_sink(bytes).get()), Status::kSuccess);
  return bytes;
}

void wait_for(std::uint64_t ns) {
  const std::uint64_t since = base::now_ns();
  while (base::now_ns() - since < ns) std::this_thread::yield();
}

// The name has the old file or a whole new one, whenever the writer is killed.
TEST(FaultKill, TheOldFileOrTheNewOne) {
  FaultVm vm(kKilledChannels);
  vm.fill(kKilledPackets);
  const Bytes image = image_before_the_kill(vm);
  const Folder folder;
  const Bytes old = some_bytes(100);
  std::mt19937 random(1);
  unsigned in_the_middle = 0;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE("killed, round " + std::to_string(round));
    const std::string path = folder / std::to_string(round);
    put_bytes(path, old);
    int ready[2];
    ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
    Child child([&] {
      save::SaveSession session(vm.vm);
      for (char first = 1;; first = 0) {
        io::IoError error;
        io::FileOptions options{.durable = false, .buffers = 2, .buffer_bytes = 4096};
        options.uring = round % 2 == 0;
        const auto sink = io::create_file(path.c_str(), options, error);
        if (first == 1 && ::write(ready[1], &first, 1) != 1) return;
        if (save_once(vm, session, sink.get()) != Status::kSuccess) return;
      }
    });
    close(ready[1]);
    char first = 0;
    ASSERT_EQ(::read(ready[0], &first, 1), 1);
    close(ready[0]);
    wait_for(random() % 3'000'000);
    child.kill();
    const Bytes found = bytes_of(path);
    EXPECT_TRUE(found == old || found == image) << found.size() << " bytes";
    const std::vector<std::string> names = folder.names();
    in_the_middle += static_cast<unsigned>(
        std::count_if(names.begin(), names.end(), [](const std::string& name) { return name[0] == '.'; }));
    for (const std::string& name : names) {
      if (name[0] == '.') fs::remove(folder / name);
    }
    // The next save to the same name works.
    io::IoError error;
    save::SaveSession session(vm.vm);
    EXPECT_EQ(save_once(vm, session, io::create_file(path.c_str(), {.durable = false}, error).get()), Status::kSuccess);
    EXPECT_EQ(bytes_of(path), image);
    vm.expect_each_in_use_once();
  }
  EXPECT_GE(in_the_middle, 5u) << "killed while a file was being written";
}

// Whoever takes the image sees that it ends too early.
TEST(FaultKill, TheSender) {
  FaultVm vm(kKilledChannels);
  vm.fill(kKilledPackets);
  FaultVm destination(kKilledChannels);
  unsigned broken = 0;
  for (int round = 0; round < 10; ++round) {
    SCOPED_TRACE("sender killed, round " + std::to_string(round));
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const int least = 1;
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    Child child([&] {
      close(ends[0]);
      save::SaveSession session(vm.vm);
      (void)save_once(vm, session, io::make_stream_sink(ends[1], {}).get());
      pause();
    });
    close(ends[1]);
    // So many bytes are taken, then it is killed.
    std::vector<std::byte> head(static_cast<std::size_t>(1 + round * 30'000));
    std::size_t got = 0;
    while (got < head.size()) {
      const ssize_t more = ::read(ends[0], head.data() + got, head.size() - got);
      ASSERT_GT(more, 0);
      got += static_cast<std::size_t>(more);
    }
    child.kill();
    std::byte rest[4096];
    for (ssize_t more = 1; more > 0;) {
      more = ::read(ends[0], rest, sizeof rest);
      if (more > 0) head.insert(head.end(), rest, rest + more);
    }
    close(ends[0]);
    const auto source = io::make_memory_source(head);
    const io::ReceiveReport report = io::restore_from(destination.vm, *source);
    EXPECT_EQ(report.restore.fault, RestoreFault::kMissingTail) << restore_fault_text(report.restore.fault);
    broken += report.restore.fault == RestoreFault::kMissingTail ? 1 : 0;
    EXPECT_EQ(destination.in_use(), 0u);
    EXPECT_EQ(destination.allocated(), 0u);
  }
  EXPECT_EQ(broken, 10u);
}

// A receiver vanishes: the sender is told, and goes on.
TEST(FaultKill, TheReceiver) {
  FaultVm vm(kKilledChannels);
  vm.fill(kKilledPackets);
  const Bytes image = image_before_the_kill(vm);
  for (int round = 0; round < 10; ++round) {
    SCOPED_TRACE("receiver killed, round " + std::to_string(round));
    int ends[2];
    const bool is_pipe = round % 2 == 0;
    ASSERT_EQ(is_pipe ? pipe2(ends, O_CLOEXEC) : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const int least = 1;
    if (!is_pipe) setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    int reached[2];
    ASSERT_EQ(pipe2(reached, O_CLOEXEC), 0);
    Child child([&] {
      std::byte bytes[4096];
      for (std::size_t got = 0; got < static_cast<std::size_t>(round) * 20'000;) {
        const ssize_t more = ::read(ends[0], bytes, sizeof bytes);
        if (more <= 0) return;
        got += static_cast<std::size_t>(more);
      }
      if (::write(reached[1], bytes, 1) != 1) return;
      pause();
    });
    close(ends[0]);
    close(reached[1]);
    std::thread killer([&] {
      std::byte byte;
      EXPECT_EQ(::read(reached[0], &byte, 1), 1);
      child.kill();
    });
    save::SaveSession session(vm.vm);
    EXPECT_EQ(save_once(vm, session, io::make_stream_sink(ends[1], {.buffer_bytes = 4096}).get()),
              Status::kConnectionDisconnected);
    killer.join();
    close(ends[1]);
    close(reached[0]);
    vm.expect_each_in_use_once();
    EXPECT_EQ(image_before_the_kill(vm), image) << "the next save";
  }
}

}  // namespace
}  // namespace vmbsave::test
