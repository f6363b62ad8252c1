#include "unit/fault_injection.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#if VMBSAVE_URING
#include <liburing.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace vmbsave::test {
namespace {

std::atomic<unsigned> armed{0};
std::atomic<std::uint64_t> fails_at{0};
std::atomic<std::uint64_t> seen{0};
std::atomic<std::uint64_t> failed{0};
std::atomic<unsigned> failed_calls{0};
Failure chosen;  // changed while nothing is armed

std::atomic<std::int64_t> blocks{0};
std::atomic<std::int64_t> mapped{0};

// Whether this one is to fail.
bool must_fail(Call call) noexcept {
  if ((armed.load(std::memory_order_relaxed) & set_of(call)) == 0) return false;
  const std::uint64_t number = seen.fetch_add(1) + 1;
  const std::uint64_t at = fails_at.load(std::memory_order_relaxed);
  if (at == 0 || number < at || (number > at && !chosen.stays)) return false;
  failed.fetch_add(1);
  failed_calls.fetch_or(set_of(call));
  return true;
}

// Result of a call that returns an int.
template <class Real>
auto or_fail(Call call, Real&& real) noexcept -> decltype(real()) {
  if (!must_fail(call)) return real();
  errno = chosen.error;
  return -1;
}

// Likewise of one that moves bytes: real(most).
template <class Real>
ssize_t move_or_fail(Call call, std::size_t bytes, Real&& real) noexcept {
  if (!must_fail(call)) return real(bytes);
  if (chosen.error == 0) return real(std::min(bytes, chosen.most));
  errno = chosen.error;
  return -1;
}

// liburing's way to say it.
template <class Real>
int or_negative(Call call, Real&& real) noexcept {
  return must_fail(call) ? -chosen.error : real();
}

[[maybe_unused]] bool is_armed(Call call) noexcept { return (armed & set_of(call)) != 0; }

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (must_fail(Call::kNew)) return nullptr;
  void* const block = alignment <= alignof(std::max_align_t)
                          ? std::malloc(std::max<std::size_t>(bytes, 1))
                          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (block != nullptr) blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const block = allocate(bytes, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void release(void* block) noexcept {
  if (block != nullptr) blocks.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

Injection::Injection(unsigned calls, std::uint64_t number, const Failure& what) noexcept {
  chosen = what;
  fails_at = number;
  seen = 0;
  failed = 0;
  failed_calls = 0;
  armed = calls;
}

Injection::~Injection() { armed = 0; }

std::uint64_t Injection::calls() noexcept { return seen; }
std::uint64_t Injection::met() noexcept { return failed; }
unsigned Injection::met_calls() noexcept { return failed_calls; }

std::int64_t live_blocks() noexcept { return blocks; }
std::int64_t mapped_bytes() noexcept { return mapped; }

}  // namespace vmbsave::test

// ---- operator new
// ---------------------------------------------------------------------------------------------------------------------

using vmbsave::test::allocate;
using vmbsave::test::allocate_or_throw;
using vmbsave::test::release;

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t to) { return allocate_or_throw(bytes, std::size_t(to)); }
void* operator new[](std::size_t bytes, std::align_val_t to) { return allocate_or_throw(bytes, std::size_t(to)); }
void* operator new(std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
  return allocate(bytes, std::size_t(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
  return allocate(bytes, std::size_t(to));
}
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete(void* block, std::align_val_t) noexcept { release(block); }
void operator delete[](void* block, std::align_val_t) noexcept { release(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { release(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { release(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { release(block); }

// ---- the C library, as the engine sees it
// ---------------------------------------------------------------------------------------------------------------------

using vmbsave::test::Call;
using vmbsave::test::chosen;
using vmbsave::test::is_armed;
using vmbsave::test::mapped;
using vmbsave::test::move_or_fail;
using vmbsave::test::must_fail;
using vmbsave::test::or_fail;
using vmbsave::test::or_negative;

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {
void* __real_mmap(void* where, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void* base, size_t bytes);
void* __real_mremap(void* base, size_t bytes, size_t larger, int flags, void* where);
int __real_madvise(void* base, size_t bytes, int advice);
int __real_open(const char* path, int flags, ...);
int __real_openat(int folder, const char* path, int flags, ...);
ssize_t __real_pwrite(int fd, const void* data, size_t bytes, off_t offset);
ssize_t __real_pread(int fd, void* data, size_t bytes, off_t offset);
int __real_ftruncate(int fd, off_t bytes);
int __real_fsync(int fd);
int __real_renameat(int from, const char* old_name, int to, const char* name);
ssize_t __real_write(int fd, const void* data, size_t bytes);
ssize_t __real_read(int fd, void* data, size_t bytes);
ssize_t __real_send(int fd, const void* data, size_t bytes, int flags);
ssize_t __real_recv(int fd, void* data, size_t bytes, int flags);
int __real_ppoll(pollfd* polled, nfds_t count, const timespec* limit, const sigset_t* mask);

void* __wrap_mmap(void* where, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (must_fail(Call::kMmap)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* const base = __real_mmap(where, bytes, protection, flags, file, offset);
  if (base != MAP_FAILED) mapped += static_cast<std::int64_t>(bytes);
  return base;
}

int __wrap_munmap(void* base, size_t bytes) {
  const int result = __real_munmap(base, bytes);
  if (result == 0) mapped -= static_cast<std::int64_t>(bytes);
  return result;
}

// A kernel that cannot move the pages has unmapped by then what lay where they would have come to.
void* __wrap_mremap(void* base, size_t bytes, size_t larger, int flags, void* where) {
  if (must_fail(Call::kMremap)) {
    (void)__wrap_munmap(where, larger);
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* const moved = __real_mremap(base, bytes, larger, flags, where);
  if (moved != MAP_FAILED) mapped -= static_cast<std::int64_t>(bytes);
  return moved;
}

int __wrap_madvise(void* base, size_t bytes, int advice) {
  if (advice != MADV_POPULATE_WRITE) return __real_madvise(base, bytes, advice);
  return or_fail(Call::kPopulate, [&] { return __real_madvise(base, bytes, advice); });
}

int __wrap_open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return or_fail(Call::kOpen, [&] { return __real_open(path, flags, mode); });
}

int __wrap_openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return or_fail(Call::kOpen, [&] { return __real_openat(folder, path, flags, mode); });
}

ssize_t __wrap_pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return move_or_fail(Call::kPwrite, bytes, [&](size_t most) { return __real_pwrite(fd, data, most, offset); });
}
ssize_t __wrap_pread(int fd, void* data, size_t bytes, off_t offset) {
  return move_or_fail(Call::kPread, bytes, [&](size_t most) { return __real_pread(fd, data, most, offset); });
}
int __wrap_ftruncate(int fd, off_t bytes) {
  return or_fail(Call::kFtruncate, [&] { return __real_ftruncate(fd, bytes); });
}
int __wrap_fsync(int fd) {
  return or_fail(Call::kFsync, [&] { return __real_fsync(fd); });
}
int __wrap_renameat(int from, const char* old_name, int to, const char* name) {
  return or_fail(Call::kRename, [&] { return __real_renameat(from, old_name, to, name); });
}
ssize_t __wrap_write(int fd, const void* data, size_t bytes) {
  return move_or_fail(Call::kWrite, bytes, [&](size_t most) { return __real_write(fd, data, most); });
}
ssize_t __wrap_read(int fd, void* data, size_t bytes) {
  return move_or_fail(Call::kRead, bytes, [&](size_t most) { return __real_read(fd, data, most); });
}
ssize_t __wrap_send(int fd, const void* data, size_t bytes, int flags) {
  return move_or_fail(Call::kSend, bytes, [&](size_t most) { return __real_send(fd, data, most, flags); });
}
ssize_t __wrap_recv(int fd, void* data, size_t bytes, int flags) {
  return move_or_fail(Call::kRecv, bytes, [&](size_t most) { return __real_recv(fd, data, most, flags); });
}
int __wrap_ppoll(pollfd* polled, nfds_t count, const timespec* limit, const sigset_t* mask) {
  return or_fail(Call::kPoll, [&] { return __real_ppoll(polled, count, limit, mask); });
}

#if VMBSAVE_URING
int __real_io_uring_queue_init(unsigned entries, io_uring* ring, unsigned flags);
int __real_io_uring_submit(io_uring* ring);
int __real___io_uring_get_cqe(io_uring* ring, io_uring_cqe** cqe, unsigned submit, unsigned least, sigset_t* mask);

int __wrap_io_uring_queue_init(unsigned entries, io_uring* ring, unsigned flags) {
  return or_negative(Call::kRingSetup, [&] { return __real_io_uring_queue_init(entries, ring, flags); });
}

// Of the entry that came last. A short one is really shorter; one that fails does nothing, which the kernel completes
// at once, and its completion is then given the error.
static int submit_to_fail(io_uring* ring) {
  io_uring_sqe& entry = ring->sq.sqes[(ring->sq.sqe_tail - 1) & ring->sq.ring_mask];
  const auto tag = entry.user_data;
  if (chosen.error == 0) {
    entry.len = std::min(entry.len, static_cast<unsigned>(chosen.most));
    return __real_io_uring_submit(ring);
  }
  io_uring_prep_nop(&entry);
  entry.user_data = tag;
  const int taken = __real_io_uring_submit(ring);
  unsigned head = 0;
  io_uring_cqe* done = nullptr;
  io_uring_for_each_cqe(ring, head, done) {
    if (done->user_data == tag) done->res = -chosen.error;
  }
  return taken;
}

// Where waits are counted, entries are held back until the first of them: what is complete already is not waited for.
int __wrap_io_uring_submit(io_uring* ring) {
  return or_negative(Call::kRingSubmit, [&] {
    if (must_fail(Call::kRingMove)) return submit_to_fail(ring);
    return is_armed(Call::kRingWait) ? 1 : __real_io_uring_submit(ring);
  });
}

int __wrap___io_uring_get_cqe(io_uring* ring, io_uring_cqe** cqe, unsigned submit, unsigned least, sigset_t* mask) {
  if (is_armed(Call::kRingWait) && io_uring_sq_ready(ring) != 0) (void)__real_io_uring_submit(ring);
  return or_negative(Call::kRingWait, [&] { return __real___io_uring_get_cqe(ring, cqe, submit, least, mask); });
}
#endif
}
// NOLINTEND(bugprone-reserved-identifier)
