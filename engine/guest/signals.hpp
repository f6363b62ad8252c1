// signals.hpp: what tells either side that the other one did something.
#pragma once

#include <cstdint>
#include <functional>

#include "base/atomic.hpp"

namespace vmbsave::guest {

// Hooks are set before anything runs that could signal.
class Signals {
 public:
  void on_interrupt(std::function<void()> hook) noexcept { interrupt_hook_ = std::move(hook); }
  void on_host_work(std::function<void()> hook) noexcept { host_hook_ = std::move(hook); }

  void interrupt_guest() noexcept {
    interrupts_.fetch_add_relaxed(1);
    if (interrupt_hook_) interrupt_hook_();
  }

  // One signal stands until the host takes it: until then no other has anything to add.
  void signal_host() noexcept {
    // [doorbell] what the host is to look at, to whoever takes the signal
    if (host_due_.exchange_acq_rel(1) != 0) return;
    host_signals_.fetch_add_relaxed(1);
    if (host_hook_) host_hook_();
  }

  // The host looks after everything that was done before.
  void take_host_signal() noexcept {
    // [doorbell]
    host_due_.exchange_acq_rel(0);
  }

  bool host_due() const noexcept { return host_due_.load_relaxed() != 0; }
  std::uint64_t interrupts() const noexcept { return interrupts_.load_relaxed(); }
  std::uint64_t host_signals() const noexcept { return host_signals_.load_relaxed(); }

 private:
  std::function<void()> interrupt_hook_;
  std::function<void()> host_hook_;
  base::Atomic<std::uint32_t> host_due_;
  base::Atomic<std::uint64_t> interrupts_;
  base::Atomic<std::uint64_t> host_signals_;
};

}  // namespace vmbsave::guest
