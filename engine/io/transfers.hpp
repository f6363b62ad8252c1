// transfers.hpp: reads or writes of one file, several under way at once, each of a buffer of its own: through io_uring,
// or one after another where that is not to be had. What the ring does not answer with all bytes is done again by pread
// or pwrite, whose errno counts: so a short answer, EAGAIN, or a ring that is refused halfway need no care elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/uring.hpp"
#include "mem/mapping.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::io {

// What O_DIRECT asks of addresses, lengths and places, on every disk there is.
inline constexpr std::size_t kBlock = 4096;

// May be used: see FileOptions.
bool valid(const FileOptions& options) noexcept;

class Transfers {
 public:
  Transfers() noexcept = default;
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;
  ~Transfers() { close(); }

  // False: no memory. The file stays the caller's, open until close().
  bool open(int fd, Direction direction, const FileOptions& options) noexcept;

  // Waits for what is under way, then gives ring and buffers back.
  void close() noexcept;

  // Buffers 0 to count() - 1: one if there is no ring. Not to be touched between start() and wait().
  std::size_t count() const noexcept { return count_; }
  std::span<std::byte> buffer(std::size_t i) const noexcept { return {memory_.data() + i * bytes_, bytes_}; }

  // Moves the first `bytes` bytes of buffer i to or from `offset`, at least `enough` of them. Under O_DIRECT `bytes`
  // and `offset` are multiples of kBlock.
  void start(std::size_t i, std::uint64_t offset, std::size_t bytes, std::size_t enough) noexcept;

  // Until buffer i is not under way. 0, or the errno of its last transfer.
  int wait(std::size_t i) noexcept;

  // Of the last transfer of buffer i: bytes moved, fewer than enough if it failed or the file ends.
  std::size_t moved(std::size_t i) const noexcept { return transfers_[i].moved; }
  std::uint64_t offset(std::size_t i) const noexcept { return transfers_[i].offset; }

  // Past the page cache, as far as is known now: a file system may refuse it later.
  bool direct() const noexcept { return direct_; }

  std::uint64_t memory_bytes() const noexcept { return memory_.size(); }

 private:
  struct Transfer {
    std::uint64_t offset = 0;
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    std::size_t enough = 0;
    std::size_t moved = 0;
    int error = 0;
    bool under_way = false;
  };

  void set_direct(bool direct) noexcept;
  void reap() noexcept;
  bool submit(Transfer& transfer) noexcept;
  void complete(Transfer& transfer) noexcept;
  std::int64_t move_rest(const Transfer& transfer, std::size_t from) noexcept;

  mem::Mapping memory_;
  std::unique_ptr<Transfer[]> transfers_;
  Uring ring_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  int fd_ = -1;
  Direction direction_ = Direction::kRead;
  bool direct_ = false;
};

}  // namespace vmbsave::io
