// traffic.hpp: the VSP's thread and the guest of one phase: packets come, are served, are completed, and are seen.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "scenarios/save_under_load/load_result.hpp"
#include "scenarios/save_under_load/load_spec.hpp"
#include "scenarios/save_under_load/load_stamps.hpp"
#include "scenarios/save_under_load/save_flag.hpp"
#include "scenarios/save_under_load/ticks.hpp"

namespace vmbsave::bench {

class Traffic {
 public:
  // `stamps`: gets when completions begin and end; nullptr: nobody looks.
  explicit Traffic(const LoadSpec& spec, LoadStamps* stamps = nullptr);

  // The target's sink: `context` is the Traffic. By the VSP's thread and, while a save runs, by the saver's.
  static void on_delivery(void* context, Token token);

  // ---- the VSP's thread, in this order ----

  // Puts the usual packets in flight: their completions come due evenly.
  void fill(Target& target);
  // Until stop(): serves, or only looks at the clock.
  void serve(Target& target);
  void idle();
  // Completes what is due, then, unmeasured, all that is in flight, and waits until it has been seen. What has not
  // after `patience_ns` without a delivery is lost.
  void drain(Target& target, std::uint64_t patience_ns);

  // ---- the saver's thread ----

  void stop() noexcept { stop_.store(true, std::memory_order_relaxed); }
  void tell_guest() noexcept;  // of the deliveries so far, which it sees now; after a save
  bool filled() const noexcept { return filled_.load(std::memory_order_acquire); }
  SaveFlag saving;

  // ---- when both have ended ----

  LoadTimes times;
  Histogram gaps;
  std::uint64_t issued = 0;
  std::uint64_t refused = 0;
  std::uint64_t lost = 0;
  std::uint64_t delivered() const noexcept { return by_vsp_ + by_saver_; }
  std::uint64_t delivered_twice() const noexcept { return twice_.load(std::memory_order_relaxed); }
  void close(std::uint64_t phase_ns);  // merges what the saver has seen; the throughput of so long a phase

 private:
  struct InFlight {
    std::uint64_t intended = 0;  // of its completion, in ticks
    bool here = false;           // it has come, and the guest has not seen its completion
  };
  struct Due {
    Token token;
    std::uint64_t at;
  };

  std::uint64_t since(std::uint64_t intended, std::uint64_t now) const noexcept {
    return clock_.to_ns(now - std::min(now, intended));
  }
  template <class Call>
  bool timed(Histogram& calls, TimeSpans* spans, Call&& call);
  void take_returned();
  bool acquire_one(Target& target, std::uint64_t intended, std::uint64_t admitted);
  void complete_one(Target& target);
  bool arrival_due(std::uint64_t now) const noexcept;
  void give_way() const;

  const LoadSpec& spec_;
  LoadStamps* const stamps_;
  const Ticks& clock_ = Ticks::clock();
  const std::uint64_t service_;      // ticks
  const std::uint64_t interval_;     // between arrivals, in ticks; 0: closed loop
  std::vector<InFlight> in_flight_;  // by token
  std::vector<Token> free_;
  std::vector<Due> due_;  // a ring, in the order of completion
  std::size_t first_due_ = 0;
  std::size_t due_count_ = 0;
  std::uint64_t next_arrival_ = 0;
  std::uint64_t by_vsp_ = 0;
  std::uint64_t returned_taken_ = 0;
  bool measuring_ = true;
  std::uint64_t calls_ = 0;
  std::uint64_t served_ = 0;  // delivered, while measuring

  std::atomic<bool> stop_{false};
  std::atomic<bool> filled_{false};
  std::atomic<std::uint64_t> twice_{0};
  // Tokens that the saver has delivered: it writes, the VSP's thread reads.
  alignas(base::kCacheLine) std::atomic<std::uint64_t> returned_count_{0};
  std::vector<Token> returned_;
  Histogram seen_by_saver_;
  std::uint64_t by_saver_ = 0;
  std::uint64_t told_ = 0;  // of these
};

}  // namespace vmbsave::bench
