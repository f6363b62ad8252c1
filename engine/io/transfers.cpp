#include "io/transfers.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>

#include "base/check.hpp"
#include "io/signal_guard.hpp"

namespace vmbsave::io {
namespace {

constexpr unsigned kMaxBuffers = 1024;
constexpr std::size_t kMaxBufferBytes = std::size_t{1} << 30;  // the kernel moves less than 2 GiB at once

}  // namespace

bool valid(const FileOptions& options) noexcept {
  return options.buffers >= 1 && options.buffers <= kMaxBuffers && options.buffer_bytes >= kBlock &&
         options.buffer_bytes <= kMaxBufferBytes && options.buffer_bytes % kBlock == 0;
}

bool Transfers::open(int fd, Direction direction, const FileOptions& options) noexcept {
  close();
  count_ = options.uring && ring_.open(options.buffers) ? options.buffers : 1;
  bytes_ = options.buffer_bytes;
  fd_ = fd;
  direction_ = direction;
  memory_ = mem::Mapping::reserve(count_ * bytes_);
  transfers_.reset(new (std::nothrow) Transfer[count_]);
  if (!memory_ || transfers_ == nullptr || !memory_.prefault(0, memory_.size())) return false;
  // Should somebody fork, a read under way must not go to pages that are the child's from then on.
  (void)madvise(memory_.data(), memory_.size(), MADV_DONTFORK);
  for (std::size_t i = 0; i < count_; ++i) transfers_[i].data = buffer(i).data();
  set_direct(options.direct);
  return true;
}

void Transfers::close() noexcept {
  for (std::size_t i = 0; transfers_ != nullptr && i < count_; ++i) (void)wait(i);
  ring_ = Uring{};
  transfers_.reset();
  memory_ = mem::Mapping{};
  count_ = 0;
}

// The flag of a descriptor that nobody else has. A file system without O_DIRECT refuses it here; asked for when a file
// is created, it would be refused after the file is there.
void Transfers::set_direct(bool direct) noexcept {
  const int flags = fcntl(fd_, F_GETFL);
  direct_ = flags >= 0 && direct && fcntl(fd_, F_SETFL, flags | O_DIRECT) == 0;
  if (!direct_ && flags >= 0 && (flags & O_DIRECT) != 0) (void)fcntl(fd_, F_SETFL, flags & ~O_DIRECT);
}

void Transfers::start(std::size_t i, std::uint64_t offset, std::size_t bytes, std::size_t enough) noexcept {
  Transfer& transfer = transfers_[i];
  VMBSAVE_ASSERT(i < count_ && !transfer.under_way && enough <= bytes && bytes <= bytes_);
  transfer.offset = offset;
  transfer.bytes = bytes;
  transfer.enough = enough;
  transfer.moved = 0;
  transfer.error = 0;
  transfer.under_way = ring_ && submit(transfer);
  if (!transfer.under_way) complete(transfer);
}

// The kernel may try the write at once, in this thread.
bool Transfers::submit(Transfer& transfer) noexcept {
  std::optional<SignalGuard> guard;
  if (direction_ == Direction::kWrite) guard.emplace(SIGXFSZ);
  return ring_.submit(direction_, fd_, transfer.data, transfer.bytes, transfer.offset, &transfer);
}

int Transfers::wait(std::size_t i) noexcept {
  while (transfers_[i].under_way) reap();
  return transfers_[i].error;
}

void Transfers::reap() noexcept {
  const Uring::Completion completion = ring_.wait();
  Transfer& transfer = *static_cast<Transfer*>(completion.tag);
  transfer.under_way = false;
  if (completion.result > 0) transfer.moved = static_cast<std::size_t>(completion.result);
  complete(transfer);
}

// What a read or write left undone. Under O_DIRECT it goes on at a whole block; where that brings it no further (the
// end of a file, a limit within a block) or is refused, it goes on through the page cache.
void Transfers::complete(Transfer& transfer) noexcept {
  if (transfer.moved >= transfer.enough) return;
  std::optional<SignalGuard> guard;
  if (direction_ == Direction::kWrite) guard.emplace(SIGXFSZ);
  while (transfer.moved < transfer.enough) {
    const std::size_t from = direct_ ? transfer.moved / kBlock * kBlock : transfer.moved;
    const std::int64_t moved = move_rest(transfer, from);
    if (moved > 0 && from + static_cast<std::size_t>(moved) > transfer.moved) {
      transfer.moved = from + static_cast<std::size_t>(moved);
    } else if (direct_ && (moved >= 0 || errno == EINVAL)) {
      set_direct(false);
    } else if (moved == 0 && direction_ == Direction::kRead) {
      return;  // the file ends here
    } else {
      transfer.error = moved < 0 ? errno : EIO;
      return;
    }
  }
}

std::int64_t Transfers::move_rest(const Transfer& transfer, std::size_t from) noexcept {
  std::byte* const data = transfer.data + from;
  const std::size_t bytes = transfer.bytes - from;
  const auto at = static_cast<off_t>(transfer.offset + from);
  std::int64_t moved = 0;
  do {
    moved = direction_ == Direction::kRead ? pread(fd_, data, bytes, at) : pwrite(fd_, data, bytes, at);
  } while (moved < 0 && errno == EINTR);
  return moved;
}

}  // namespace vmbsave::io
