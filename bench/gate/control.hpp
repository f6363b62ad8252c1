// control.hpp: the null control of a measurement, and a load to try it with.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace vmbsave::gate {

// A copy of memory that both sides get before each of their slices. What the side before it left in the caches is made
// good by a first copy that is not timed.
class Control {
 public:
  Control();
  std::uint64_t run();  // nanoseconds of one copy

 private:
  std::vector<std::byte> from_;
  std::vector<std::byte> to_;
};

// Copies of memory on another CPU, while a burst lasts.
class Hog {
 public:
  Hog();
  ~Hog();
  Hog(const Hog&) = delete;

  class Burst {
   public:
    explicit Burst(Hog* hog) : hog_(hog) {  // nullptr: none
      if (hog_ != nullptr) hog_->works_.store(true, std::memory_order_relaxed);
    }
    ~Burst() {
      if (hog_ != nullptr) hog_->works_.store(false, std::memory_order_relaxed);
    }
    Burst(const Burst&) = delete;

   private:
    Hog* const hog_;
  };

 private:
  void work();

  std::atomic<bool> works_{false};
  std::atomic<bool> ends_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace vmbsave::gate
