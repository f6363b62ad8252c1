// first_fault.hpp: the first thing that went wrong, on whichever thread.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

namespace vmbsave::bench {

class FirstFault {
 public:
  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (any_.load(std::memory_order_relaxed)) return;
    what_ = what;
    any_.store(true, std::memory_order_release);
  }
  bool any() const noexcept { return any_.load(std::memory_order_acquire); }
  std::string what() const {
    const std::lock_guard lock(mutex_);
    return what_;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> any_{false};
  std::string what_;
};

}  // namespace vmbsave::bench
