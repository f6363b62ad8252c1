// descriptor.hpp: a file descriptor of our own, closed on destruction.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace vmbsave::io {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { (void)close(); }

  // 0, or what a file system kept to itself until now. The descriptor is gone either way, also after EINTR.
  int close() noexcept {
    if (fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR) return 0;
    return errno;
  }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Calls f until no signal interrupts it.
template <class F>
auto uninterrupted(F&& f) noexcept {
  auto result = f();
  while (result < 0 && errno == EINTR) result = f();
  return result;
}

}  // namespace vmbsave::io
