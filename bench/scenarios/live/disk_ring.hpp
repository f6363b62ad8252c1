// disk_ring.hpp: reads and writes of a file through an io_uring, many under way at once, many handed over at once.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

struct io_uring;

namespace vmbsave::bench {

class RingRefused : public std::system_error {
  using std::system_error::system_error;
};

// One thread at a time puts entries in and submits; one at a time, which may be another, takes what is done. All that
// was submitted must be taken before the ring goes.
class DiskRing {
 public:
  struct Done {
    void* tag;
    int result;  // bytes moved, or a negative errno
  };

  // Throws RingRefused where the system has no io_uring for us, or it was not built in.
  explicit DiskRing(unsigned entries);
  ~DiskRing();
  DiskRing(const DiskRing&) = delete;

  // The pieces stay until submit() has returned, their memory until it is done. Throws std::runtime_error if there are
  // more entries than the ring has.
  void put(bool write, int fd, const iovec* pieces, unsigned count, std::uint64_t offset, void* tag);
  // An entry that is done at once: for a thread that waits.
  void put_nothing(void* tag);
  // Throws std::system_error if the kernel takes no more.
  void submit();

  // Entries that the last submit() did not hand over, because it threw.
  unsigned not_submitted() const noexcept { return put_; }

  std::optional<Done> next();  // nothing: none is done now
  // Something must be under way. Throws std::system_error if the kernel does not let us wait.
  Done wait();

 private:
  struct Exit {
    void operator()(io_uring* ring) const noexcept;
  };
  std::unique_ptr<io_uring, Exit> ring_;
  unsigned put_ = 0;  // since the last submit
};

}  // namespace vmbsave::bench
