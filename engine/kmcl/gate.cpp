#include "kmcl/gate.hpp"

namespace vmbsave::kmcl {

Gate::Entry Gate::enter() noexcept {
  const std::lock_guard lock(mutex_);
  if (!open_.load_relaxed()) return Entry::kClosed;
  if (inside_) {
    again_ = true;
    return Entry::kAnother;
  }
  inside_ = true;
  again_ = false;
  return Entry::kInside;
}

bool Gate::leave() noexcept {
  const std::lock_guard lock(mutex_);
  if (again_ && open_.load_relaxed()) {
    again_ = false;
    return true;
  }
  inside_ = false;
  left_.notify_all();
  return false;
}

void Gate::open() noexcept {
  const std::lock_guard lock(mutex_);
  open_.store_relaxed(true);
  blocked_.store_relaxed(false);
}

void Gate::close() noexcept {
  std::unique_lock lock(mutex_);
  open_.store_relaxed(false);
  left_.wait(lock, [this] { return !inside_; });
}

void Gate::wake(const VMBS_TRANSPORT& transport, PVOID context, bool always) noexcept {
  const std::lock_guard lock(mutex_);
  if (!open_.load_relaxed() || !(always || blocked_.load_relaxed())) return;
  blocked_.store_relaxed(false);
  transport.Wake(context);
}

}  // namespace vmbsave::kmcl
