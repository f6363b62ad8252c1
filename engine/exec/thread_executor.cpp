// Parked std::threads: the executor that sanitizers understand, and the one for builds without oneTBB.
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "exec/shared_loop.hpp"
#include "exec/standby.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave {
namespace {

class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(unsigned threads) : threads_(std::max(threads, 1u)) {}

  ~ThreadExecutor() override {
    standby_.dismiss();
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  unsigned concurrency() const noexcept override { return threads_; }

  void wake() noexcept override {
    if (threads_ == 1) return;
    start_workers();
    standby_.call();
    open_round(nullptr);
  }

  void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept override {
    exec::SharedLoop loop(count, grain, body, context);
    if (threads_ == 1 || loop.fits_one_range()) {
      loop.work();
      return;
    }
    start_workers();
    open_round(&loop);
    standby_.dismiss();
    loop.work();
    std::unique_lock lock(mutex_);
    loop_ = nullptr;  // a worker that wakes only now finds nothing to join, and nobody waits for it
    idle_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  // If the system refuses a thread, the others do its share.
  void start_workers() noexcept {
    try {
      while (workers_.size() + 1 < threads_) workers_.emplace_back([this] { serve(); });
    } catch (...) {
      threads_ = static_cast<unsigned>(workers_.size()) + 1;
    }
  }

  // Gets the workers up: for this loop, or, without one, to stand by.
  void open_round(exec::SharedLoop* loop) noexcept {
    {
      const std::lock_guard lock(mutex_);
      loop_ = loop;
      ++round_;
    }
    wake_.notify_all();
  }

  void serve() noexcept {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
      exec::SharedLoop* const loop = loop_;
      if (loop != nullptr) ++running_;
      lock.unlock();
      if (loop != nullptr) {
        loop->work();
      } else {
        standby_.stay();
      }
      lock.lock();
      if (loop != nullptr && --running_ == 0) idle_.notify_one();
    }
  }

  unsigned threads_;
  std::vector<std::thread> workers_;
  exec::Standby standby_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  exec::SharedLoop* loop_ = nullptr;  // what may be joined now
  std::uint64_t round_ = 0;
  unsigned running_ = 0;  // workers inside a loop
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<Executor> make_thread_executor(unsigned threads) { return std::make_unique<ThreadExecutor>(threads); }

}  // namespace vmbsave
