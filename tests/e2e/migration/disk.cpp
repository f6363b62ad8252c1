#include "e2e/migration/disk.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <stdexcept>
#include <system_error>
#include <thread>

#if VMBSAVE_MIGRATION_URING
#include <liburing.h>
#endif

namespace vmbsave::migration {
namespace {

#if VMBSAVE_MIGRATION_URING
class UringDisk final : public Disk {
 public:
  // Throws std::system_error where io_uring is refused.
  UringDisk(int fd, Done done) : Disk(std::move(done)), fd_(fd) {
    if (const int error = io_uring_queue_init(kEntries, &ring_, 0); error != 0) {
      throw std::system_error(-error, std::generic_category(), "io_uring_queue_init");
    }
    reaper_ = std::thread([this] { reap(); });
  }
  ~UringDisk() override {
    drain();
    submit_entry([](io_uring_sqe& entry) { io_uring_prep_nop(&entry); }, nullptr);
    reaper_.join();
    io_uring_queue_exit(&ring_);
  }
  bool is_uring() const noexcept override { return true; }

 private:
  static constexpr unsigned kEntries = 1024;

  template <class Prepare>
  void submit_entry(Prepare&& prepare, void* data) {
    const std::lock_guard lock(submitting_);
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) throw std::runtime_error("more transfers than the ring has entries");
    prepare(*entry);
    io_uring_sqe_set_data(entry, data);
    int taken = 0;
    do {
      taken = io_uring_submit(&ring_);
    } while (taken == -EINTR || taken == -EAGAIN || taken == -EBUSY);
    if (taken < 0) throw std::system_error(-taken, std::generic_category(), "io_uring_submit");
  }

  void start(std::unique_ptr<Transfer> transfer) override {
    Transfer* const its = transfer.release();
    submit_entry(
        [&](io_uring_sqe& entry) {
          const auto pieces = static_cast<unsigned>(its->pieces.size());
          if (its->write) {
            io_uring_prep_writev(&entry, fd_, its->pieces.data(), pieces, its->offset);
          } else {
            io_uring_prep_readv(&entry, fd_, its->pieces.data(), pieces, its->offset);
          }
        },
        its);
  }

  void reap() {
    for (;;) {
      io_uring_cqe* entry = nullptr;
      if (io_uring_wait_cqe(&ring_, &entry) != 0) continue;
      std::unique_ptr<Transfer> transfer(static_cast<Transfer*>(io_uring_cqe_get_data(entry)));
      const int result = entry->res;
      io_uring_cqe_seen(&ring_, entry);
      if (transfer == nullptr) return;
      finish(std::move(transfer), result);
    }
  }

  const int fd_;
  io_uring ring_{};
  std::mutex submitting_;
  std::thread reaper_;
};
#endif

class ThreadDisk final : public Disk {
 public:
  ThreadDisk(int fd, Done done) : Disk(std::move(done)), fd_(fd) {
    for (std::thread& thread : threads_) thread = std::thread([this] { work(); });
  }
  ~ThreadDisk() override {
    drain();
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    due_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  bool is_uring() const noexcept override { return false; }

 private:
  void start(std::unique_ptr<Transfer> transfer) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(transfer));
    }
    due_.notify_one();
  }

  std::unique_ptr<Transfer> next() {
    std::unique_lock lock(mutex_);
    due_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return nullptr;
    std::unique_ptr<Transfer> transfer = std::move(queue_.front());
    queue_.pop_front();
    return transfer;
  }

  void work() {
    while (std::unique_ptr<Transfer> transfer = next()) {
      const auto pieces = static_cast<int>(transfer->pieces.size());
      const auto offset = static_cast<off_t>(transfer->offset);
      const auto move = transfer->write ? pwritev : preadv;
      const std::int64_t result = move(fd_, transfer->pieces.data(), pieces, offset);
      finish(std::move(transfer), result);
    }
  }

  const int fd_;
  std::mutex mutex_;
  std::condition_variable due_;
  std::deque<std::unique_ptr<Transfer>> queue_;
  bool stop_ = false;
  std::thread threads_[4];
};

}  // namespace

DiskFile::DiskFile(const std::string& path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_DIRECT);
  direct_ = fd_ >= 0;
  if (!direct_) fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
}

DiskFile::~DiskFile() { close(fd_); }

bool DiskFile::lock(unsigned seconds) {
  bool waited = false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw std::system_error(errno, std::generic_category(), "flock");
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("nobody let go of the disk file's lock");
    waited = true;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return waited;
}

std::unique_ptr<Disk> Disk::open(const DiskFile& file, [[maybe_unused]] bool uring, Done done) {
#if VMBSAVE_MIGRATION_URING
  if (uring) {
    try {
      return std::make_unique<UringDisk>(file.descriptor(), done);
    } catch (const std::system_error&) {
      // refused here
    }
  }
#endif
  return std::make_unique<ThreadDisk>(file.descriptor(), std::move(done));
}

void Disk::submit(std::unique_ptr<Transfer> transfer) {
  pending_.fetch_add(1);
  if (transfer->write) {
    const std::lock_guard lock(holding_);
    if (to_hold_ != 0) {
      --to_hold_;
      held_.push_back(std::move(transfer));
      return;
    }
  }
  start(std::move(transfer));
}

void Disk::finish(std::unique_ptr<Transfer> transfer, std::int64_t result) {
  done_(transfer->tag, result >= 0 && static_cast<std::uint64_t>(result) == transfer->bytes);
  transfer.reset();
  pending_.fetch_sub(1);
}

void Disk::drain() const {
  while (pending() != 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
}

void Disk::hold_writes(unsigned most) {
  const std::lock_guard lock(holding_);
  to_hold_ = most;
}

std::size_t Disk::held() const {
  const std::lock_guard lock(holding_);
  return held_.size();
}

void Disk::let_go() {
  std::vector<std::unique_ptr<Transfer>> held;
  {
    const std::lock_guard lock(holding_);
    to_hold_ = 0;
    held.swap(held_);
  }
  for (std::unique_ptr<Transfer>& transfer : held) start(std::move(transfer));
}

}  // namespace vmbsave::migration
