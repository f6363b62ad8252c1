#include "scenarios/live/disk_ring.hpp"

#include <cerrno>
#include <stdexcept>

#if VMBSAVE_LIVE_URING
#include <liburing.h>

namespace vmbsave::bench {
namespace {

[[noreturn]] void fail(int error, const char* call) { throw std::system_error(error, std::generic_category(), call); }

io_uring_sqe& entry_of(io_uring& ring) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring);
  if (entry == nullptr) throw std::runtime_error("more transfers than the ring has entries");
  return *entry;
}

DiskRing::Done take(io_uring& ring, io_uring_cqe& entry) {
  const DiskRing::Done done{io_uring_cqe_get_data(&entry), entry.res};
  io_uring_cqe_seen(&ring, &entry);
  return done;
}

}  // namespace

void DiskRing::Exit::operator()(io_uring* ring) const noexcept {
  io_uring_queue_exit(ring);
  delete ring;
}

DiskRing::DiskRing(unsigned entries) {
  auto ring = std::make_unique<io_uring>();
  if (const int error = io_uring_queue_init(entries, ring.get(), 0); error != 0) {
    throw RingRefused(-error, std::generic_category(), "io_uring_queue_init");
  }
  ring_.reset(ring.release());
}

DiskRing::~DiskRing() = default;

void DiskRing::put(bool write, int fd, const iovec* pieces, unsigned count, std::uint64_t offset, void* tag) {
  io_uring_sqe& entry = entry_of(*ring_);
  if (write) {
    io_uring_prep_writev(&entry, fd, pieces, count, offset);
  } else {
    io_uring_prep_readv(&entry, fd, pieces, count, offset);
  }
  io_uring_sqe_set_data(&entry, tag);
  ++put_;
}

void DiskRing::put_nothing(void* tag) {
  io_uring_sqe& entry = entry_of(*ring_);
  io_uring_prep_nop(&entry);
  io_uring_sqe_set_data(&entry, tag);
  ++put_;
}

void DiskRing::submit() {
  while (put_ != 0) {
    const int taken = io_uring_submit(ring_.get());
    if (taken == -EINTR || taken == -EAGAIN || taken == -EBUSY) continue;
    if (taken < 0) fail(-taken, "io_uring_submit");
    put_ -= static_cast<unsigned>(taken);
  }
}

std::optional<DiskRing::Done> DiskRing::next() {
  io_uring_cqe* entry = nullptr;
  if (io_uring_peek_cqe(ring_.get(), &entry) != 0) return std::nullopt;
  return take(*ring_, *entry);
}

DiskRing::Done DiskRing::wait() {
  io_uring_cqe* entry = nullptr;
  int error = -EINTR;
  while (error == -EINTR || error == -EAGAIN) error = io_uring_wait_cqe(ring_.get(), &entry);
  if (error != 0) fail(-error, "io_uring_wait_cqe");
  return take(*ring_, *entry);
}

}  // namespace vmbsave::bench

#else
struct io_uring {};

namespace vmbsave::bench {

void DiskRing::Exit::operator()(io_uring* ring) const noexcept { delete ring; }
DiskRing::DiskRing(unsigned) { throw RingRefused(ENOSYS, std::generic_category(), "built without liburing"); }
DiskRing::~DiskRing() = default;
void DiskRing::put(bool, int, const iovec*, unsigned, std::uint64_t, void*) {}
void DiskRing::put_nothing(void*) {}
void DiskRing::submit() {}
std::optional<DiskRing::Done> DiskRing::next() { return std::nullopt; }
DiskRing::Done DiskRing::wait() { return {}; }

}  // namespace vmbsave::bench
#endif
