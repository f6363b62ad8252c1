#include <new>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave {
namespace {

using When = base::Atomic<std::uint64_t>;

When& when_of(std::byte* storage) noexcept { return *std::launder(reinterpret_cast<When*>(storage)); }
const When& when_of(const std::byte* storage) noexcept { return *std::launder(reinterpret_cast<const When*>(storage)); }

}  // namespace

CancelToken::CancelToken() noexcept {
  static_assert(sizeof(When) == sizeof when_ && alignof(When) <= alignof(std::uint64_t));
  ::new (static_cast<void*>(when_)) When;
}

// relaxed: nothing is handed over with it; that it comes at all is what matters.
void CancelToken::cancel() noexcept {
  std::uint64_t never = 0;
  (void)when_of(when_).compare_exchange_relaxed(never, base::now_ns());
}

bool CancelToken::cancelled() const noexcept { return when_ns() != 0; }

std::uint64_t CancelToken::when_ns() const noexcept { return when_of(when_).load_relaxed(); }

}  // namespace vmbsave
