#include "scenarios/save_under_load/traffic.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/atomic.hpp"

namespace vmbsave::bench {
namespace {

// How long a VSP that has nothing to do sleeps, where it does not have a processor of its own: what a device saves up
// before it interrupts.
constexpr std::chrono::microseconds kNap{50};
constexpr unsigned long kTimerSlackNs = 1'000;

// Deliveries of the saver that the guest is told of at once, as by a ring's index.
constexpr std::uint64_t kBatch = 64;

// The Traffic whose VSP this thread is.
thread_local const Traffic* serving = nullptr;

}  // namespace

Traffic::Traffic(const LoadSpec& spec, LoadStamps* stamps)
    : spec_(spec),
      stamps_(stamps),
      service_(clock_.from_ns(spec.service_ns)),
      interval_(spec.arrivals_per_s == 0
                    ? 0
                    : std::max<std::uint64_t>(clock_.from_ns(1'000'000'000 / spec.arrivals_per_s), 1)),
      in_flight_(spec.packets),
      due_(spec.packets),
      returned_(spec.packets) {
  free_.reserve(spec.packets);
  for (Token token = spec.packets; token-- > 0;) free_.push_back(token);
}

void Traffic::on_delivery(void* context, Token token) {
  Traffic& self = *static_cast<Traffic*>(context);
  InFlight& packet = self.in_flight_[token];
  if (!packet.here) {
    self.twice_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  packet.here = false;
  if (serving == &self) {
    ++self.by_vsp_;
    if (self.measuring_) {
      const std::uint64_t now = self.clock_.now();
      self.times.delivery.add(self.since(packet.intended, now));
      if (self.stamps_ != nullptr) self.stamps_->by_vsp.add(packet.intended, std::max(packet.intended, now));
    }
    self.free_.push_back(token);
    return;
  }
  self.returned_[self.by_saver_ % self.returned_.size()] = token;
  if (++self.by_saver_ % kBatch == 0) self.tell_guest();
}

void Traffic::tell_guest() noexcept {
  const std::uint64_t now = clock_.now();
  for (; told_ != by_saver_; ++told_) {
    const std::uint64_t intended = in_flight_[returned_[told_ % returned_.size()]].intended;
    seen_by_saver_.add(since(intended, now));
    if (stamps_ != nullptr) stamps_->by_saver.add(intended, std::max(intended, now));
  }
  returned_count_.store(by_saver_, std::memory_order_release);  // the tokens, for take_returned()
}

void Traffic::take_returned() {
  const std::uint64_t count = returned_count_.load(std::memory_order_acquire);
  for (; returned_taken_ != count; ++returned_taken_) free_.push_back(returned_[returned_taken_ % returned_.size()]);
}

template <class Call>
bool Traffic::timed(Histogram& calls, TimeSpans* spans, Call&& call) {
  if (!measuring_ || ++calls_ % spec_.measured_every != 0) return call();
  const std::uint64_t save = saving.read();
  const std::uint64_t start = clock_.before();
  const bool result = call();
  const std::uint64_t end = clock_.after();
  // In a phase without saves the number stays 0; with saves, only what overlaps one counts.
  if ((save != 0) == saving.overlaps(save)) calls.add(clock_.to_ns(end - start));
  if (spans != nullptr) spans->add(start, end);
  return result;
}

bool Traffic::acquire_one(Target& target, std::uint64_t intended, std::uint64_t admitted) {
  const Token token = free_.back();
  const std::uint64_t due = std::max(intended, admitted) + service_;
  in_flight_[token] = {due, true};
  const bool taken = timed(times.acquire, nullptr, [&] { return target.acquire(token); });
  if (!taken) {
    in_flight_[token].here = false;
    ++refused;
    return false;
  }
  free_.pop_back();
  ++issued;
  if (interval_ != 0) times.arrival.add(since(intended, clock_.now()));
  due_[(first_due_ + due_count_++) % due_.size()] = {token, due};
  return true;
}

void Traffic::complete_one(Target& target) {
  const Due due = due_[first_due_];
  first_due_ = (first_due_ + 1) % due_.size();
  --due_count_;
  if (interval_ == 0) in_flight_[due.token].intended = clock_.now();
  TimeSpans* const spans = stamps_ == nullptr ? nullptr : &stamps_->complete;
  (void)timed(times.complete, spans, [&] { return target.complete(due.token), true; });
}

bool Traffic::arrival_due(std::uint64_t now) const noexcept {
  return !free_.empty() && (interval_ == 0 || next_arrival_ <= now);
}

void Traffic::give_way() const {
  if (spec_.pinned) {
    base::Atomic<int>::wait_round(0);
  } else {
    std::this_thread::sleep_for(kNap);
  }
}

void Traffic::fill(Target& target) {
  serving = this;
  if (!spec_.pinned) (void)prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0, 0, 0);
  const std::uint32_t usual = spec_.usual_packets();
  const std::uint64_t now = clock_.now();
  for (std::uint32_t i = 0; i < usual; ++i) {
    const std::uint64_t ago = service_ - service_ * i / usual;
    const std::uint64_t intended = now - std::min(ago, now);
    while (!acquire_one(target, intended, intended)) give_way();
  }
  next_arrival_ = clock_.now();
  times = {};
  filled_.store(true, std::memory_order_release);  // what is in flight, for the saver
}

void Traffic::serve(Target& target) {
  while (!stop_.load(std::memory_order_relaxed)) {
    take_returned();
    const std::uint64_t now = clock_.now();
    const bool completion_due = due_count_ != 0 && due_[first_due_].at <= now;
    // In a closed loop as many are in flight as may be: what can come goes first. Else what is due does.
    if (arrival_due(now) && (interval_ == 0 || !completion_due) &&
        acquire_one(target, interval_ == 0 ? now : next_arrival_, now)) {
      if (interval_ != 0) next_arrival_ += interval_;
    } else if (completion_due) {
      complete_one(target);
    } else {
      give_way();
    }
  }
}

void Traffic::idle() {
  std::uint64_t save = saving.read();
  std::uint64_t last = clock_.now();
  while (!stop_.load(std::memory_order_relaxed)) {
    const std::uint64_t now = clock_.now();
    if (saving.overlaps(save)) gaps.add(clock_.to_ns(now - last));
    last = now;
    save = saving.read();
  }
}

void Traffic::drain(Target& target, std::uint64_t patience_ns) {
  const std::uint64_t end = clock_.now();
  while (due_count_ != 0 && due_[first_due_].at <= end) complete_one(target);
  take_returned();
  served_ = by_vsp_ + returned_taken_;
  measuring_ = false;
  while (due_count_ != 0) complete_one(target);
  std::uint64_t delivered_before = 0;
  std::uint64_t since = clock_.now();
  for (;;) {
    take_returned();
    const std::uint64_t delivered_now = by_vsp_ + returned_taken_;
    lost = issued - std::min(issued, delivered_now);
    if (lost == 0) break;
    if (delivered_now != delivered_before) since = clock_.now();
    delivered_before = delivered_now;
    if (clock_.to_ns(clock_.now() - since) > patience_ns) break;
    std::this_thread::yield();
  }
  serving = nullptr;
}

void Traffic::close(std::uint64_t phase_ns) {
  times.delivery.add(seen_by_saver_);
  times.per_second = {static_cast<double>(served_) * 1e9 / static_cast<double>(std::max<std::uint64_t>(phase_ns, 1))};
}

}  // namespace vmbsave::bench
