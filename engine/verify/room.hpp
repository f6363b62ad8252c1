// room.hpp: a buffer for a VSP in memory that notices what happens around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vmbsave/verify.hpp"

namespace vmbsave::verify {

// What was changed that nobody may change: offset from the buffer's first byte, and how far it reaches.
struct Damage {
  std::int64_t first_byte;
  std::uint64_t bytes;
};

// Pages, and before and behind them one that nobody can access. The buffer lies in the midst, with a known pattern
// around it, or at the end, with nothing behind it but the pattern up to the next multiple of 16. 16-byte aligned.
class Room {
 public:
  explicit Room(std::size_t bytes);  // of the largest buffer; throws std::bad_alloc
  ~Room();
  Room(const Room&) = delete;

  // Pattern around it: kMargin bytes at least. `shift`: a multiple of 16, up to kMargin, that moves the buffer.
  std::span<std::byte> in_the_midst(std::size_t bytes, std::size_t shift = 0) noexcept;
  std::span<std::byte> at_the_end(std::size_t bytes) noexcept;
  // An address in the page behind, for a buffer of no bytes.
  std::byte* no_bytes() const noexcept { return data_ + data_bytes_; }

  // The first stretch of the pattern that is not as it was, outside of the buffer given last.
  std::optional<Damage> damage() const noexcept;

  // Where the buffer and the room are.
  void note(std::span<const std::byte> buffer, JournalBuffer& journal) const noexcept;

  std::size_t capacity() const noexcept { return capacity_; }

  static constexpr std::size_t kMargin = 1024;

 private:
  std::span<std::byte> place(std::size_t offset, std::size_t bytes) noexcept;

  std::size_t capacity_;
  std::size_t data_bytes_;  // between the two pages
  std::byte* data_;
  std::span<std::byte> buffer_;
};

// A room for buffers of so many bytes: the one that is there, or a larger one.
Room& ready(std::optional<Room>& room, std::size_t bytes);

}  // namespace vmbsave::verify
