// park_log.hpp: what happened to packets and saves, in order, written down without a lock or an allocation, so that a
// thread may be stopped anywhere inside; afterwards told to the Promise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/promise.hpp"

namespace vmbsave::test {

enum class Happening : std::uint8_t {
  kReceived,
  kDelivered,
  kSaved,    // the second call of SavePacket
  kCut,      // begin has succeeded
  kImage,    // it holds what was saved since the cut
  kResume,   // the end begins, or the save has failed
  kBadByte,  // a packet's result or its state is another's
};

class EventLog {
 public:
  using Id = Promise::Id;

  explicit EventLog(std::size_t capacity) : capacity_(capacity), events_(new Event[capacity]) {}

  // The count gives all threads one order: what happens before something else has a smaller number.
  void note(Happening what, Id id = 0) noexcept {
    // acq_rel: who counts on from here has seen what was counted before.
    const std::size_t at = next_.fetch_add(1, std::memory_order_acq_rel);
    if (at < capacity_) events_[at] = {id, what};
  }

  std::size_t size() const noexcept { return next_.load(std::memory_order_relaxed); }
  bool is_nearly_full() const noexcept { return size() > capacity_ / 4 * 3; }
  void clear() noexcept { next_.store(0, std::memory_order_relaxed); }

  // When all threads have ended and nothing is in use. Gives what is broken, the first few.
  std::vector<std::string> check() const {
    std::vector<std::string> broken;
    Promise promise([&](const std::string& what) {
      if (broken.size() < 5) broken.push_back(what);
    });
    if (size() > capacity_) return {"the log is too short"};
    std::vector<Id> saved;
    for (std::size_t i = 0; i < size(); ++i) {
      const auto [id, what] = events_[i];
      switch (what) {
        case Happening::kReceived:
          promise.received(id);
          break;
        case Happening::kDelivered:
          promise.delivered(id);
          break;
        case Happening::kSaved:
          saved.push_back(id);
          break;
        case Happening::kCut:
          saved.clear();
          promise.cut();
          break;
        case Happening::kImage:
          promise.image(saved);
          break;
        case Happening::kResume:
          promise.resume();
          break;
        case Happening::kBadByte:
          broken.push_back("packet " + std::to_string(id) + " has another's bytes");
          break;
      }
    }
    promise.finished();
    return broken;
  }

 private:
  struct Event {
    Id id;
    Happening what;
  };

  const std::size_t capacity_;
  const std::unique_ptr<Event[]> events_;  // pages that nobody needs are not touched
  alignas(64) std::atomic<std::size_t> next_{0};
};

}  // namespace vmbsave::test
