// fault_injection.hpp: calls that fail when a test wants them to, and what the process holds. The program that includes
// this is linked with fault_injection.cpp, which takes the place of operator new and, for the engine's libraries, of
// the C library's functions and liburing's (-Wl,--wrap).
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace vmbsave::test {

// What can be made to fail. kPopulate: madvise(MADV_POPULATE_WRITE). Of io_uring: making a ring, entering the kernel to
// submit a read or write, entering it to wait for one, and the read or write itself, as its completion tells.
enum class Call : unsigned {
  kNew,
  kMmap,
  kMremap,
  kPopulate,
  kOpen,  // and openat
  kPwrite,
  kPread,
  kFtruncate,
  kFsync,
  kRename,
  kWrite,
  kRead,
  kSend,
  kRecv,
  kPoll,
  kRingSetup,
  kRingSubmit,
  kRingWait,
  kRingMove,
};

template <class... Calls>
constexpr unsigned set_of(Calls... calls) noexcept {
  return (0u | ... | (1u << static_cast<unsigned>(calls)));
}
inline constexpr unsigned kMemoryCalls = set_of(Call::kNew, Call::kMmap, Call::kMremap, Call::kPopulate);

struct Failure {
  int error = ENOMEM;    // errno; 0: the call moves `most` bytes and no more
  std::size_t most = 0;  // at least 1, where error is 0
  bool stays = false;    // so do all calls after it
};

// As long as it lives: the call with this number, counted over all of `calls` from 1 on, fails; 0: none does. One at a
// time. With kRingWait among them it must outlive each ring.
class Injection {
 public:
  Injection(unsigned calls, std::uint64_t number, const Failure& failure = {}) noexcept;
  ~Injection();
  Injection(const Injection&) = delete;

  // Of the one that lives, or lived last: calls, failures, and the set of calls that failed.
  static std::uint64_t calls() noexcept;
  static std::uint64_t met() noexcept;
  static unsigned met_calls() noexcept;
};

std::int64_t live_blocks() noexcept;   // of operator new, that nobody has deleted
std::int64_t mapped_bytes() noexcept;  // by the engine

}  // namespace vmbsave::test
