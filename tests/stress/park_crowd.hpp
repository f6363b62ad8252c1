// park_crowd.hpp: the threads that work while another one is stopped, and the verdict on whether they could.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace vmbsave::test {

enum class Verdict {
  kCameBack,  // from every call, and all that was to be done is done
  kBlocked,   // a thread is in a call and does not return, or none gets any further
};

// One thread's own count of its calls: odd while it is inside one. One writer, so that counts need no order.
class alignas(64) Member {
 public:
  template <class F>
  auto call(F&& f) {
    const Inside inside(calls_);
    return f();
  }
  void add_done() noexcept { bump(done_); }

  std::uint64_t calls() const noexcept { return calls_.load(std::memory_order_relaxed); }
  std::uint64_t done() const noexcept { return done_.load(std::memory_order_relaxed); }  // calls that did something

 private:
  static void bump(std::atomic<std::uint64_t>& count) noexcept {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  class Inside {
   public:
    explicit Inside(std::atomic<std::uint64_t>& calls) : calls_(calls) { bump(calls_); }
    ~Inside() { bump(calls_); }

   private:
    std::atomic<std::uint64_t>& calls_;
  };

  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> done_{0};
};

class Crowd {
 public:
  using Role = std::function<void(Member&)>;

  // All roles look at stopped() between their calls. The last one leads: when it returns, all is done.
  explicit Crowd(std::vector<Role> roles) : members_(std::make_unique<Member[]>(roles.size())), count_(roles.size()) {
    for (std::size_t i = 0; i < count_; ++i) {
      threads_.emplace_back([this, i, role = std::move(roles[i])] {
        role(members_[i]);
        // release: all that the thread did, for whoever finds that it is over.
        if (i + 1 == count_) over_.store(true, std::memory_order_release);
      });
    }
  }
  ~Crowd() { end(); }

  void end() {
    stop_.store(true, std::memory_order_relaxed);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  bool stopped() const noexcept { return stop_.load(std::memory_order_relaxed); }

  std::uint64_t returned() const noexcept {  // calls
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count_; ++i) sum += members_[i].calls() / 2;
    return sum;
  }
  std::uint64_t done() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count_; ++i) sum += members_[i].done();
    return sum;
  }

  // Until the leader is over. `progress` is what has to grow.
  template <class Progress>
  Verdict watch(std::chrono::milliseconds bound, Progress&& progress) const {
    std::vector<Watched> watched(count_ + 1);
    while (!over_.load(std::memory_order_acquire)) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      const auto now = std::chrono::steady_clock::now();
      for (std::size_t i = 0; i < count_; ++i) {
        const std::uint64_t calls = members_[i].calls();
        if (watched[i].stands_still(calls, now, bound) && calls % 2 != 0) return Verdict::kBlocked;
      }
      if (watched[count_].stands_still(progress(), now, bound)) return Verdict::kBlocked;
    }
    return Verdict::kCameBack;
  }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Watched {
    std::uint64_t value = UINT64_MAX;
    Time since{};

    bool stands_still(std::uint64_t now_value, Time now, std::chrono::milliseconds bound) {
      if (now_value != value) {
        value = now_value;
        since = now;
      }
      return now - since > bound;
    }
  };

  const std::unique_ptr<Member[]> members_;
  const std::size_t count_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> over_{false};
  std::vector<std::thread> threads_;  // last: they use the others
};

// Packets on their way from one thread to one other, without a lock.
template <class T, std::size_t kRoom>
class Handover {
 public:
  bool put(T item) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    // acquire: the place is empty; from take().
    if (tail - head_.load(std::memory_order_acquire) == kRoom) return false;
    items_[tail % kRoom] = item;
    tail_.store(tail + 1, std::memory_order_release);  // release: the item, for take()
    return true;
  }
  // T{}: there is none.
  T take() noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (tail_.load(std::memory_order_acquire) == head) return T{};  // acquire: the item, from put()
    const T item = items_[head % kRoom];
    head_.store(head + 1, std::memory_order_release);  // release: the place is empty, for put()
    return item;
  }

 private:
  std::array<T, kRoom> items_{};
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace vmbsave::test
