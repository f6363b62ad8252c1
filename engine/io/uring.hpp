// uring.hpp: an io_uring of reads and writes, or none where the kernel or the build has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

struct io_uring;

namespace vmbsave::io {

enum class Direction : std::uint8_t { kRead, kWrite };

// Not thread-safe. Whoever submits keeps count: what was submitted must be waited for before its memory goes, and
// before the ring does.
class Uring {
 public:
  // What the kernel answered: bytes moved, or a negative errno.
  struct Completion {
    void* tag;
    int result;
  };

  // False: io_uring is refused (ENOSYS, EPERM, ENOMEM), or was not built in.
  bool open(unsigned entries) noexcept;

  explicit operator bool() const noexcept { return ring_ != nullptr && !refused_; }

  // False: the kernel takes no more. This one is not under way, and no later one will be.
  bool submit(Direction direction, int fd, std::byte* data, std::size_t bytes, std::uint64_t offset,
              void* tag) noexcept;

  // Something must be under way. Returns what is done next, in any order.
  Completion wait() noexcept;

 private:
  struct Exit {
    void operator()(io_uring* ring) const noexcept;
  };
  std::unique_ptr<io_uring, Exit> ring_;
  bool refused_ = false;
};

}  // namespace vmbsave::io
