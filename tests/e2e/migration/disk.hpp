// disk.hpp: the disk: a file, reached through io_uring, or by threads with preadv and pwritev where that is refused.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace vmbsave::migration {

// Something to be read or written. Its memory stays until it is done.
struct Transfer {
  void* tag;
  bool write;
  std::uint64_t offset;
  std::uint64_t bytes;
  std::vector<iovec> pieces;
};

// A disk file and its fence: whoever has the lock of the file may use it. The lock goes with the last use of the open
// file, which writes of a process that was killed still have.
class DiskFile {
 public:
  explicit DiskFile(const std::string& path);
  ~DiskFile();
  DiskFile(const DiskFile&) = delete;

  // Waits for at most that long; throws std::runtime_error. Whether it had to wait.
  bool lock(unsigned seconds);
  int descriptor() const noexcept { return fd_; }
  bool direct() const noexcept { return direct_; }

 private:
  int fd_ = -1;
  bool direct_ = false;
};

class Disk {
 public:
  // On any thread; false: it failed.
  using Done = std::function<void(void* tag, bool good)>;

  // In place of io_uring, or if it is refused: threads.
  static std::unique_ptr<Disk> open(const DiskFile& file, bool uring, Done done);
  virtual ~Disk() = default;
  virtual bool is_uring() const noexcept = 0;

  // Any thread.
  void submit(std::unique_ptr<Transfer> transfer);
  // Under way, or held.
  std::uint64_t pending() const noexcept { return pending_.load(); }
  void drain() const;

  // The next so many writes wait here until they are let go: a disk that is slow with them.
  void hold_writes(unsigned most);
  std::size_t held() const;
  void let_go();

 protected:
  explicit Disk(Done done) : done_(std::move(done)) {}
  virtual void start(std::unique_ptr<Transfer> transfer) = 0;
  void finish(std::unique_ptr<Transfer> transfer, std::int64_t result);

 private:
  const Done done_;
  std::atomic<std::uint64_t> pending_{};
  mutable std::mutex holding_;
  unsigned to_hold_ = 0;
  std::vector<std::unique_ptr<Transfer>> held_;
};

}  // namespace vmbsave::migration
