#include "e2e/migration/shared.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>

namespace vmbsave::migration {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

void Doorbell::ring() noexcept {
  rings_.fetch_add(1, std::memory_order_release);
  syscall(SYS_futex, &rings_, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

void Doorbell::wait(std::uint32_t looked, std::uint32_t microseconds) noexcept {
  const timespec most{.tv_sec = 0, .tv_nsec = static_cast<long>(microseconds) * 1000};
  syscall(SYS_futex, &rings_, FUTEX_WAIT, looked, &most, nullptr, 0);
}

const char* stage_name(Stage stage) noexcept {
  switch (stage) {
    case Stage::kServing:
      return "serving";
    case Stage::kBegin:
      return "about to begin";
    case Stage::kCut:
      return "saving";
    case Stage::kSent:
      return "image sent";
    case Stage::kAcknowledged:
      return "acknowledged";
    case Stage::kDiscarded:
      return "discarded";
    case Stage::kResumed:
      return "resumed";
  }
  return "?";
}

void Shared::complain(const std::string& what) noexcept {
  if (complained.load()) return;
  const std::size_t bytes = std::min(what.size(), complaint.size() - 1);
  std::memcpy(complaint.data(), what.data(), bytes);
  complaint[bytes] = '\0';
  complained.store(true);
}

void Shared::reset() noexcept {
  for (SharedChannel& channel : channels) {
    channel.to_host.reset();
    channel.to_guest.reset();
  }
  for (std::atomic<bool>* flag :
       {&migrate, &take_over, &finished, &stop, &cut_short, &uring, &direct, &outlived, &complained}) {
    flag->store(false);
  }
  stage.store(Stage::kServing);
  verdict.store(Verdict::kNone);
  fault.store(0);
  for (std::atomic<std::uint64_t>* count : {&saved_packets, &reissued, &saved_draining, &deferred}) count->store(0);
}

void Unmap::operator()(Shared* shared) const noexcept { munmap(shared, sizeof(Shared)); }

std::unique_ptr<Shared, Unmap> map_shared() {
  void* const at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  return std::unique_ptr<Shared, Unmap>(new (at) Shared);
}

}  // namespace vmbsave::migration
