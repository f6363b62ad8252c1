// stop.hpp: when a save has to give up: its deadline has passed, or somebody has cancelled it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::save {

class Stop {
 public:
  // A save that began at `now`, on the clock of now_ns.
  Stop(const SaveOptions& options, std::uint64_t now) noexcept
      : began_ns_(now),
        deadline_ns_(options.deadline_ns == 0 ? UINT64_MAX : now + std::min(options.deadline_ns, UINT64_MAX - now)),
        token_(options.cancel),
        possible_(options.deadline_ns != 0 || options.cancel != nullptr) {}
  Stop() noexcept : Stop(SaveOptions{}, 0) {}

  // Whether there is a deadline or a token: if not, nothing else needs to be asked.
  bool possible() const noexcept { return possible_; }

  // At `now`: kSuccess to go on, kCancelled, or kIoTimeout.
  Status at(std::uint64_t now) const noexcept {
    if (token_ != nullptr && token_->cancelled()) return Status::kCancelled;
    return now >= deadline_ns_ ? Status::kIoTimeout : Status::kSuccess;
  }

  // How long there has been a reason to give up, at `now`; not longer than the save.
  std::uint64_t age_ns(std::uint64_t now) const noexcept {
    const std::uint64_t cancelled_ns = token_ == nullptr ? 0 : token_->when_ns();
    const std::uint64_t since =
        cancelled_ns == 0 ? deadline_ns_ : std::min(std::max(cancelled_ns, began_ns_), deadline_ns_);
    return now - std::min(since, now);
  }

 private:
  std::uint64_t began_ns_;
  std::uint64_t deadline_ns_;  // UINT64_MAX: none
  const CancelToken* token_;   // nullptr: none
  bool possible_;
};

}  // namespace vmbsave::save
