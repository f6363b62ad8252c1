// Images through sockets and pipes: in pieces of any size, with another end that is slow, stands still, or goes away.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <thread>

#include "unit/io_fixture.hpp"

namespace vmbsave::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kShort = 50'000'000;
constexpr std::uint64_t kLong = 20'000'000'000;

// Two ends, each closed once.
class Ends {
 public:
  enum class Kind { kSocket, kTcp, kPipe };

  explicit Ends(Kind kind) {
    if (kind == Kind::kPipe) {
      std::array<int, 2> both{};
      EXPECT_EQ(pipe2(both.data(), O_CLOEXEC), 0);
      reader_ = both[0];
      writer_ = both[1];
      EXPECT_GT(fcntl(writer_, F_SETPIPE_SZ, 4 * 4096), 0);
    } else if (kind == Kind::kSocket) {
      std::array<int, 2> both{};
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()), 0);
      reader_ = both[0];
      writer_ = both[1];
      const int small = 4096;
      EXPECT_EQ(setsockopt(writer_, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    } else {
      connect_tcp();
    }
  }
  ~Ends() {
    close_reader();
    close_writer();
  }
  int reader() const { return reader_; }
  int writer() const { return writer_; }
  void close_reader() { close_once(reader_); }
  void close_writer() { close_once(writer_); }

  // The other end is told so at once, and what is on its way is gone.
  void reset_writer() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    EXPECT_EQ(setsockopt(writer_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close_writer();
  }

 private:
  static void close_once(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }

  void connect_tcp() {
    // Not the megabytes that the system would give, nor so little that windows open late.
    const int buffer = 256 << 10;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(server, any, size), 0);
    EXPECT_EQ(listen(server, 1), 0);
    EXPECT_EQ(getsockname(server, any, &size), 0);
    writer_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(setsockopt(writer_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer), 0);
    EXPECT_EQ(connect(writer_, any, size), 0);
    reader_ = accept4(server, nullptr, nullptr, SOCK_CLOEXEC);
    EXPECT_GE(reader_, 0);
    close(server);
  }

  int reader_ = -1;
  int writer_ = -1;
};

std::unique_ptr<io::Sink> sink_of(int fd, std::uint64_t timeout_ns = kLong, std::size_t buffer = 10'000) {
  return io::make_stream_sink(fd, {.timeout_ns = timeout_ns, .buffer_bytes = buffer});
}

std::unique_ptr<io::Source> source_of(int fd, std::uint64_t timeout_ns = kLong, std::size_t buffer = 10'000) {
  return io::make_stream_source(fd, {.timeout_ns = timeout_ns, .buffer_bytes = buffer});
}

std::size_t waiting_at(int fd) {
  int bytes = 0;
  EXPECT_EQ(ioctl(fd, FIONREAD, &bytes), 0);
  return static_cast<std::size_t>(bytes);
}

// What is sent need not have arrived at once.
void await(int fd, std::size_t bytes) {
  for (int i = 0; i < 10'000 && waiting_at(fd) < bytes; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(waiting_at(fd), bytes);
}

// Until it fails.
Status write_for_ever(io::Sink& sink) {
  const Bytes bytes = some_bytes(100'000);
  for (;;) {
    if (const Status status = sink.write(bytes); status != Status::kSuccess) return status;
  }
}

const char* kind_name(Ends::Kind kind) {
  constexpr std::array kNames{"Socket", "Tcp", "Pipe"};
  return kNames[static_cast<std::size_t>(kind)];
}

class IoStream : public testing::TestWithParam<Ends::Kind> {
 protected:
  Ends ends{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Kinds, IoStream, testing::Values(Ends::Kind::kSocket, Ends::Kind::kTcp, Ends::Kind::kPipe),
                         [](const auto& each) { return kind_name(each.param); });

// A buffer of 0 bytes: nothing is gathered.
TEST_P(IoStream, WhatIsWrittenIsRead) {
  for (const std::size_t size : {0u, 1u, 4096u, 9'999u, 10'000u, 10'001u, 300'000u, 1'234'567u}) {
    for (const std::size_t buffer : {0u, 1u, 10'000u}) {
      if (buffer == 1 && size > 10'000) continue;
      Ends own(GetParam());
      const Bytes bytes = some_bytes(size, size);
      std::thread writer([&] {
        Random random(size);
        const auto sink = sink_of(own.writer(), kLong, buffer);
        EXPECT_EQ(write_in_pieces(*sink, bytes, random, 20'000), Status::kSuccess);
        EXPECT_EQ(sink->finish(), Status::kSuccess);
        own.close_writer();
      });
      Random random(buffer);
      const auto source = source_of(own.reader(), kLong, buffer);
      EXPECT_EQ(source->size(), UINT64_MAX);
      EXPECT_EQ(read_in_pieces(*source, random, 20'000), bytes) << size << ' ' << buffer;
      EXPECT_EQ(source->error().status, Status::kSuccess);
      writer.join();
    }
  }
}

TEST_P(IoStream, SmallWritesAreGathered) {
  const auto sink = sink_of(ends.writer(), kLong, 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(sink->write(some_bytes(1)), Status::kSuccess);
  EXPECT_EQ(waiting_at(ends.reader()), 0u);
  EXPECT_EQ(sink->write(some_bytes(1)), Status::kSuccess);
  await(ends.reader(), 1000);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  await(ends.reader(), 1001);
}

TEST_P(IoStream, WhatWasGatheredGoesFirst) {
  const auto sink = sink_of(ends.writer(), kLong, 1000);
  Bytes expected = some_bytes(10, 1);
  EXPECT_EQ(sink->write(expected), Status::kSuccess);
  const Bytes large = some_bytes(2000, 2);
  EXPECT_EQ(sink->write(large), Status::kSuccess);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  expected.insert(expected.end(), large.begin(), large.end());
  Bytes arrived(2010);
  std::size_t got = 0;
  EXPECT_EQ(source_of(ends.reader())->read(arrived, got), Status::kSuccess);
  EXPECT_EQ(arrived, expected);
}

TEST_P(IoStream, NothingIsTakenBack) {
  const auto sink = sink_of(ends.writer());
  EXPECT_EQ(sink->rewritable(), 0u);
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
  EXPECT_EQ(sink->rewrite(some_bytes(1)), Status::kInvalidParameter);
  EXPECT_EQ(sink->rewrite({}), Status::kSuccess);
  sink->abandon();
  EXPECT_EQ(sink->write(some_bytes(1)), Status::kInvalidDeviceState);
  EXPECT_EQ(waiting_at(ends.reader()), 0u) << "what was gathered does not leave any more";
  EXPECT_EQ(fcntl(ends.writer(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC) << "and the descriptor stays open";
}

TEST_P(IoStream, ReaderThatStandsStill) {
  const auto sink = sink_of(ends.writer(), kShort);
  EXPECT_EQ(write_for_ever(*sink), Status::kIoTimeout);
  EXPECT_EQ(sink->error().step, io::IoStep::kWait);
  EXPECT_EQ(sink->finish(), Status::kIoTimeout);
  if (GetParam() == Ends::Kind::kTcp) return;  // there some of it is on its way
  EXPECT_EQ(sink->error().offset, waiting_at(ends.reader()));
}

// Comes to its end when it is asked for the third time.
class Impatience final : public io::Patience {
 public:
  explicit Impatience(Status status) : status_(status) {}
  Status check() noexcept override { return ++asked == 3 ? status_ : Status::kSuccess; }
  unsigned asked = 0;

 private:
  const Status status_;
};

TEST_P(IoStream, ReaderThatIsNotWorthWaitingFor) {
  for (const Status status : {Status::kIoTimeout, Status::kCancelled}) {
    Ends own(GetParam());
    const auto sink = sink_of(own.writer(), 0);  // by itself it would wait for ever
    Impatience impatience(status);
    sink->set_patience(&impatience);
    EXPECT_EQ(write_for_ever(*sink), status);
    EXPECT_EQ(impatience.asked, 3u);
    EXPECT_EQ(sink->error().step, io::IoStep::kWait);
    EXPECT_EQ(sink->finish(), status) << "the first failure stays";
    EXPECT_EQ(impatience.asked, 3u);
  }
}

TEST_P(IoStream, WriterThatStandsStill) {
  EXPECT_EQ(write(ends.writer(), "abc", 3), 3);
  const auto source = source_of(ends.reader(), kShort);
  Bytes bytes(10);
  std::size_t got = 0;
  EXPECT_EQ(source->read(bytes, got), Status::kIoTimeout);
  EXPECT_EQ(got, 3u);
  EXPECT_EQ(source->error().step, io::IoStep::kWait);
  EXPECT_EQ(source->error().offset, 3u);
  EXPECT_EQ(source->read(bytes, got), Status::kIoTimeout) << "the first failure stays";
  EXPECT_EQ(got, 0u);
}

// All of it takes longer than the timeout, no byte does.
TEST_P(IoStream, SlowReaderIsWaitedFor) {
  constexpr std::size_t kSize = 3'000'000;
  std::thread reader([&] {
    Bytes piece(kSize / 30);
    const auto source = source_of(ends.reader());
    for (std::size_t got = 1; got != 0;) {
      std::this_thread::sleep_for(100ms);
      EXPECT_EQ(source->read(piece, got), Status::kSuccess);
    }
  });
  const auto sink = sink_of(ends.writer(), 2'000'000'000);
  EXPECT_EQ(sink->write(some_bytes(kSize)), Status::kSuccess);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  ends.close_writer();
  reader.join();
}

// SIGPIPE would end the child: its default is what it is.
TEST_P(IoStream, ReaderThatIsGone) {
  EXPECT_IN_CHILD([&] {
    Ends own(GetParam());  // not open in the parent
    signal(SIGPIPE, SIG_DFL);
    own.close_reader();
    const auto sink = sink_of(own.writer());
    EXPECT_EQ(write_for_ever(*sink), Status::kConnectionDisconnected);
    EXPECT_EQ(sink->error().step, io::IoStep::kWrite);
    EXPECT_EQ(sink->finish(), Status::kConnectionDisconnected);
    return true;
  });
}

TEST_P(IoStream, ReaderThatGoesWhileOneWaits) {
  EXPECT_IN_CHILD([&] {
    Ends own(GetParam());  // not open in the parent
    signal(SIGPIPE, SIG_DFL);
    std::thread reader([&] {
      Bytes some(1000);
      EXPECT_EQ(read(own.reader(), some.data(), some.size()), 1000);
      own.close_reader();
    });
    EXPECT_EQ(write_for_ever(*sink_of(own.writer())), Status::kConnectionDisconnected);
    reader.join();
    return true;
  });
}

TEST(IoStreamSocket, WriterThatIsGoneWithoutAnEnd) {
  Ends ends(Ends::Kind::kTcp);
  EXPECT_EQ(write(ends.writer(), "abc", 3), 3);
  const auto source = source_of(ends.reader());
  Bytes bytes(3);
  std::size_t got = 0;
  EXPECT_EQ(source->read(bytes, got), Status::kSuccess);
  ends.reset_writer();
  EXPECT_EQ(source->read(bytes, got), Status::kConnectionDisconnected);
  EXPECT_EQ(source->error().error, ECONNRESET);
  EXPECT_EQ(source->error().offset, 3u);
}

// The thread's signals are as they were, and one that was pending before is still.
TEST_P(IoStream, SignalsOfTheCaller) {
  EXPECT_IN_CHILD([&] {
    Ends own(GetParam());  // not open in the parent
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigset_t mask;
    sigset_t pending;
    own.close_reader();
    EXPECT_EQ(write_for_ever(*sink_of(own.writer())), Status::kConnectionDisconnected);
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGPIPE), 0);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    EXPECT_EQ(write_for_ever(*sink_of(own.writer())), Status::kConnectionDisconnected);
    sigpending(&pending);
    EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
    pthread_kill(pthread_self(), SIGPIPE);
    EXPECT_EQ(write_for_ever(*sink_of(own.writer())), Status::kConnectionDisconnected);
    sigpending(&pending);
    EXPECT_EQ(sigismember(&pending, SIGPIPE), 1);
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGPIPE), 1);
    return true;
  });
}

// O_NONBLOCK belongs to whoever shares the descriptor.
TEST_P(IoStream, FlagsAreNeverChanged) {
  for (const int flag : {0, O_NONBLOCK}) {
    Ends own(GetParam());
    for (const int fd : {own.reader(), own.writer()}) fcntl(fd, F_SETFL, (fcntl(fd, F_GETFL) & ~O_NONBLOCK) | flag);
    const auto flags = [&] {
      return std::pair(fcntl(own.reader(), F_GETFL) & O_NONBLOCK, fcntl(own.writer(), F_GETFL) & O_NONBLOCK);
    };
    const auto sink = sink_of(own.writer(), kShort);
    const auto source = source_of(own.reader(), kShort);
    EXPECT_EQ(flags(), std::pair(flag, flag));
    EXPECT_EQ(write_for_ever(*sink), Status::kIoTimeout);
    EXPECT_EQ(flags(), std::pair(flag, flag));
    Bytes all(10'000'000);
    std::size_t got = 0;
    EXPECT_EQ(source->read(all, got), Status::kIoTimeout);
    EXPECT_EQ(got, sink->error().offset);
    EXPECT_EQ(flags(), std::pair(flag, flag));
  }
}

// Signals that are handled, and restart nothing.
TEST_P(IoStream, SignalsInterruptNothing) {
  struct sigaction quiet {};
  struct sigaction before {};
  quiet.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &quiet, &before), 0);
  const Bytes bytes = some_bytes(600'000);
  const pthread_t self = pthread_self();
  std::thread writer([&] {
    const auto sink = sink_of(ends.writer());
    for (std::span<const std::byte> rest = bytes; !rest.empty();
         rest = rest.subspan(std::min<std::size_t>(rest.size(), 20'000))) {
      std::this_thread::sleep_for(1ms);  // the reader waits now
      pthread_kill(self, SIGUSR1);
      EXPECT_EQ(sink->write(rest.first(std::min<std::size_t>(rest.size(), 20'000))), Status::kSuccess);
    }
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    ends.close_writer();
  });
  Random random(1);
  EXPECT_EQ(read_in_pieces(*source_of(ends.reader()), random, 50'000), bytes);
  writer.join();
  EXPECT_EQ(sigaction(SIGUSR1, &before, nullptr), 0);
}

// With no buffer a source takes what it is asked for, and leaves the rest of the stream to others.
TEST_P(IoStream, WithoutBufferNothingIsTakenAhead) {
  EXPECT_EQ(write(ends.writer(), "abcdef", 6), 6);
  await(ends.reader(), 6);
  Bytes bytes(4);
  std::size_t got = 0;
  EXPECT_EQ(source_of(ends.reader(), kLong, 0)->read(bytes, got), Status::kSuccess);
  EXPECT_EQ(got, 4u);
  EXPECT_EQ(waiting_at(ends.reader()), 2u);
}

// Without a limit on time: none of them may wait.
TEST(IoStreamDescriptor, OfNothing) {
  const int closed = dup(0);
  close(closed);
  for (const int fd : {-1, closed}) {
    Bytes bytes(10);
    std::size_t got = 0;
    const auto sink = sink_of(fd, 0, 0);
    EXPECT_EQ(sink->write(bytes), Status::kUnexpectedIoError);
    EXPECT_EQ(sink->error().error, EBADF);
    EXPECT_EQ(source_of(fd, 0)->read(bytes, got), Status::kUnexpectedIoError);
  }
}

TEST(IoStreamDescriptor, MemoryIsThatOfTheBuffer) {
  EXPECT_GE(sink_of(-1, 0, 5000)->peak_bytes(), 5000u);
  EXPECT_GE(source_of(-1, 0, 5000)->peak_bytes(), 5000u);
  EXPECT_LE(sink_of(-1, 0, 5000)->peak_bytes(), 6000u);
}

}  // namespace
}  // namespace vmbsave::test
