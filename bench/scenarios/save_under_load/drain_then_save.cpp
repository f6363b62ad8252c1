#include <atomic>
#include <thread>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "scenarios/save_under_load/target.hpp"

namespace vmbsave::bench {
namespace {

class DrainThenSave final : public Target {
 public:
  explicit DrainThenSave(const TargetOptions& options) : options_(options), states_(options.packets) {}

  const char* name() const noexcept override { return "drain_then_save"; }

  bool acquire(Token token) noexcept override {
    if (draining_.load(std::memory_order_relaxed)) return false;
    in_flight_.fetch_add(1);  // sequentially consistent with the look at draining_: save() does it the other way round
    if (draining_.load()) {
      in_flight_.fetch_sub(1);
      return false;
    }
    write_state(token, states_[token].bytes);
    return true;
  }

  void complete(Token token) noexcept override {
    options_.sink(options_.sink_context, token);
    in_flight_.fetch_sub(1, std::memory_order_release);  // the delivery, for save()
  }

  bool drains() const noexcept override { return true; }

  Saved save(std::vector<Token>*) override {
    const std::uint64_t start = base::now_ns();
    draining_.store(true);
    while (in_flight_.load() != 0) std::this_thread::yield();
    draining_.store(false);
    return {base::now_ns() - start, 0, 0};
  }

 private:
  struct State {
    std::byte bytes[kMostStateBytes];
  };

  const TargetOptions options_;
  alignas(base::kCacheLine) std::atomic<std::uint64_t> in_flight_{0};
  alignas(base::kCacheLine) std::atomic<bool> draining_{false};
  std::vector<State> states_;  // by token
};

}  // namespace

std::unique_ptr<Target> make_drain_then_save(const TargetOptions& options) {
  return std::make_unique<DrainThenSave>(options);
}

}  // namespace vmbsave::bench
