#include "io/stream_end.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/clock.hpp"

namespace vmbsave::io {
namespace {

bool is_socket(int fd) noexcept {
  struct stat what {};
  return fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode);
}

// Why to wait no longer, as an errno; 0: there is no reason.
int end_of(Patience* patience) noexcept {
  const Status status = patience == nullptr ? Status::kSuccess : patience->check();
  if (status == Status::kSuccess) return 0;
  return status == Status::kIoTimeout ? ETIMEDOUT : ECANCELED;
}

}  // namespace

StreamEnd::StreamEnd(int fd, std::uint64_t timeout_ns) noexcept
    : fd_(fd), timeout_ns_(timeout_ns), is_socket_(is_socket(fd)) {}

std::int64_t StreamEnd::send(std::span<const std::byte> bytes) const noexcept {
  return move(POLLOUT, [&]() -> std::int64_t {
    if (is_socket_) return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
  });
}

std::int64_t StreamEnd::receive(std::span<std::byte> bytes) const noexcept {
  return move(POLLIN, [&]() -> std::int64_t {
    if (is_socket_) return ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    return ::read(fd_, bytes.data(), bytes.size());
  });
}

template <class Move>
std::int64_t StreamEnd::move(short event, Move&& move) const noexcept {
  const std::uint64_t since = base::now_ns();
  bool may_try = is_socket_;
  for (;;) {
    if (!may_try) {
      if (const int error = wait(event, since); error != 0) return -error;
    }
    const std::int64_t moved = move();
    if (moved >= 0) return moved;
    if (errno != EINTR && errno != EAGAIN) return -errno;
    may_try = is_socket_ && errno == EINTR;
  }
}

// Until the descriptor is ready, or has failed, which the call that follows tells. 0 or an errno.
int StreamEnd::wait(short event, std::uint64_t since_ns) const noexcept {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint64_t kLook = 10'000'000;
  if (fd_ < 0) return EBADF;  // poll would ignore it
  pollfd polled{.fd = fd_, .events = event, .revents = 0};
  for (;;) {
    if (const int error = end_of(patience_); error != 0) return error;
    const std::uint64_t waited = base::now_ns() - since_ns;
    if (timeout_ns_ != 0 && waited >= timeout_ns_) return ETIMEDOUT;
    const std::uint64_t left =
        std::min(timeout_ns_ == 0 ? UINT64_MAX : timeout_ns_ - waited, patience_ == nullptr ? UINT64_MAX : kLook);
    const timespec limit{.tv_sec = static_cast<time_t>(left / kSecond), .tv_nsec = static_cast<long>(left % kSecond)};
    const int ready = ppoll(&polled, 1, left == UINT64_MAX ? nullptr : &limit, nullptr);
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
  }
}

}  // namespace vmbsave::io
