#include "io/uring.hpp"

#if VMBSAVE_URING
#include <liburing.h>

#include <cerrno>
#include <ctime>
#include <new>

#include "base/check.hpp"

namespace vmbsave::io {

void Uring::Exit::operator()(io_uring* ring) const noexcept {
  io_uring_queue_exit(ring);
  delete ring;
}

bool Uring::open(unsigned entries) noexcept {
  auto* const ring = new (std::nothrow) io_uring{};
  if (ring == nullptr) return false;
  if (io_uring_queue_init(entries, ring, 0) != 0) {
    delete ring;
    return false;
  }
  ring_.reset(ring);
  refused_ = false;
  return true;
}

bool Uring::submit(Direction direction, int fd, std::byte* data, std::size_t bytes, std::uint64_t offset,
                   void* tag) noexcept {
  io_uring_sqe* const sqe = refused_ ? nullptr : io_uring_get_sqe(ring_.get());
  if (sqe == nullptr) return false;
  if (direction == Direction::kRead) {
    io_uring_prep_read(sqe, fd, data, static_cast<unsigned>(bytes), offset);
  } else {
    io_uring_prep_write(sqe, fd, data, static_cast<unsigned>(bytes), offset);
  }
  io_uring_sqe_set_data(sqe, tag);
  int taken = 0;
  do {
    taken = io_uring_submit(ring_.get());
  } while (taken == -EINTR);
  // The entry stays in the ring, where a later submit would find it: there is none.
  refused_ = taken != 1;
  return !refused_;
}

// Where entering the kernel is refused meanwhile, what is under way still completes; it is only not waited for well.
Uring::Completion Uring::wait() noexcept {
  io_uring_cqe* cqe = nullptr;
  for (;;) {
    const int error = io_uring_wait_cqe(ring_.get(), &cqe);
    if (error == 0) break;
    if (error == -EINTR) continue;
    const timespec a_moment{.tv_sec = 0, .tv_nsec = 50'000};
    nanosleep(&a_moment, nullptr);
  }
  VMBSAVE_ASSERT(cqe != nullptr);
  const Completion completion{io_uring_cqe_get_data(cqe), cqe->res};
  io_uring_cqe_seen(ring_.get(), cqe);
  return completion;
}

}  // namespace vmbsave::io

#else
struct io_uring {};

namespace vmbsave::io {

void Uring::Exit::operator()(io_uring* ring) const noexcept { delete ring; }
bool Uring::open(unsigned) noexcept { return false; }
bool Uring::submit(Direction, int, std::byte*, std::size_t, std::uint64_t, void*) noexcept { return false; }
Uring::Completion Uring::wait() noexcept { return {}; }

}  // namespace vmbsave::io
#endif
