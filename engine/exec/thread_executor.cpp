// Parked std::threads: the executor that sanitizers understand, and the one for builds without oneTBB. Ranges are
// claimed one by one, so that a thread that wakes late costs nothing but its own share.
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/atomic.hpp"
#include "base/bytes.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave {
namespace {

class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(unsigned threads) : threads_(std::max(threads, 1u)) {}

  ~ThreadExecutor() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  unsigned concurrency() const noexcept override { return threads_; }

  void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept override {
    if (threads_ == 1 || count <= grain) {
      for (std::size_t i = 0; i < count; i += grain) body(context, i, std::min(i + grain, count));
      return;
    }
    start_workers();
    {
      const std::lock_guard lock(mutex_);
      job_ = Job{count, grain, body, context};
      next_.store_relaxed(0);
      open_ = true;
      ++round_;
    }
    wake_.notify_all();
    work(job_);
    std::unique_lock lock(mutex_);
    open_ = false;  // a worker that wakes only now finds nothing to join, and nobody waits for it
    idle_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  struct Job {
    std::size_t count = 0;
    std::size_t grain = 1;
    Body body = nullptr;
    void* context = nullptr;
  };

  // If the system refuses a thread, the others do its share.
  void start_workers() noexcept {
    try {
      while (workers_.size() + 1 < threads_) workers_.emplace_back([this] { serve(); });
    } catch (...) {
      threads_ = static_cast<unsigned>(workers_.size()) + 1;
    }
  }

  void serve() noexcept {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
      if (!open_) continue;
      ++running_;
      const Job job = job_;
      lock.unlock();
      work(job);
      lock.lock();
      if (--running_ == 0) idle_.notify_one();
    }
  }

  void work(const Job& job) noexcept {
    for (;;) {
      // relaxed: only the range is claimed here; mutex_ orders the job before it and the results after it.
      const std::size_t first = next_.fetch_add_relaxed(job.grain);
      if (first >= job.count) return;
      job.body(job.context, first, std::min(first + job.grain, job.count));
    }
  }

  unsigned threads_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  Job job_;
  std::uint64_t round_ = 0;
  unsigned running_ = 0;  // workers inside work()
  bool open_ = false;     // job_ may still be joined
  bool stopping_ = false;
  alignas(base::kCacheLine) base::Atomic<std::size_t> next_{};
};

}  // namespace

std::unique_ptr<Executor> make_thread_executor(unsigned threads) { return std::make_unique<ThreadExecutor>(threads); }

}  // namespace vmbsave
