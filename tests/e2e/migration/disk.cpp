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

#include "scenarios/live/disk_ring.hpp"

namespace vmbsave::migration {
namespace {

class UringDisk final : public Disk {
 public:
  // Throws std::system_error where io_uring is refused.
  UringDisk(int fd, Done done) : Disk(std::move(done)), fd_(fd) {
    reaper_ = std::thread([this] { reap(); });
  }
  ~UringDisk() override {
    drain();
    {
      const std::lock_guard lock(submitting_);
      ring_.put_nothing(nullptr);
      ring_.submit();
    }
    reaper_.join();
  }
  bool is_uring() const noexcept override { return true; }

 private:
  static constexpr unsigned kEntries = 1024;

  void start(std::unique_ptr<Transfer> transfer) override {
    Transfer* const its = transfer.release();
    const std::lock_guard lock(submitting_);
    ring_.put(its->write, fd_, its->pieces.data(), static_cast<unsigned>(its->pieces.size()), its->offset, its);
    ring_.submit();
  }

  void reap() {
    for (;;) {
      const bench::DiskRing::Done done = ring_.wait();
      std::unique_ptr<Transfer> transfer(static_cast<Transfer*>(done.tag));
      if (transfer == nullptr) return;
      finish(std::move(transfer), done.result);
    }
  }

  const int fd_;
  bench::DiskRing ring_{kEntries};
  std::mutex submitting_;
  std::thread reaper_;
};

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

std::unique_ptr<Disk> Disk::open(const DiskFile& file, bool uring, Done done) {
  if (uring) {
    try {
      return std::make_unique<UringDisk>(file.descriptor(), done);
    } catch (const std::system_error&) {
      // refused here, or not built in
    }
  }
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
