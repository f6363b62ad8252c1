// ring.hpp: a ring's memory, and the arithmetic of its indices. Neither end of it: see ring_writer.hpp,
// ring_reader.hpp.
#pragma once

#include <cstring>
#include <new>
#include <span>

#include "base/check.hpp"
#include "guest/ring_layout.hpp"

namespace vmbsave::guest {

class Ring {
 public:
  // Over memory that format() was called for: whole pages, page-aligned, the control page and at least one more.
  explicit Ring(std::span<std::byte> memory) noexcept
      : control_(std::launder(reinterpret_cast<ControlPage*>(memory.data()))),
        data_(memory.data() + kPageBytes),
        size_(static_cast<std::uint32_t>(memory.size()) - kPageBytes) {
    VMBSAVE_ASSERT(memory.size() >= 2 * kPageBytes && memory.size() % kPageBytes == 0);
  }

  // An empty ring.
  static void format(std::span<std::byte> memory) noexcept {
    auto* const control = new (memory.data()) ControlPage{};
    control->feature_bits.store_relaxed(kFeaturePendingSendSize);
  }

  ControlPage& control() const noexcept { return *control_; }

  // Most bytes in use at a time. A ring is never full to the last byte: it would look empty.
  std::uint32_t capacity() const noexcept { return size_ - kRingUnit; }

  // What the other side wrote may be anything.
  bool is_index(std::uint32_t value) const noexcept { return value < size_ && value % kRingUnit == 0; }

  // From one index forward to another.
  std::uint32_t distance(std::uint32_t from, std::uint32_t to) const noexcept {
    return to >= from ? to - from : to + (size_ - from);
  }

  std::uint32_t advance(std::uint32_t index, std::uint32_t bytes) const noexcept {
    return bytes < size_ - index ? index + bytes : bytes - (size_ - index);
  }

  // Copies over the end of the data area; at most its size. Each gives the index after the bytes.
  std::uint32_t copy_in(std::uint32_t index, const void* from, std::uint32_t bytes) const noexcept {
    if (bytes == 0) return index;
    const std::uint32_t first = before_end(index, bytes);
    std::memcpy(data_ + index, from, first);
    std::memcpy(data_, static_cast<const std::byte*>(from) + first, bytes - first);
    return advance(index, bytes);
  }

  std::uint32_t copy_out(std::uint32_t index, void* to, std::uint32_t bytes) const noexcept {
    if (bytes == 0) return index;
    const std::uint32_t first = before_end(index, bytes);
    std::memcpy(to, data_ + index, first);
    std::memcpy(static_cast<std::byte*>(to) + first, data_, bytes - first);
    return advance(index, bytes);
  }

 private:
  std::uint32_t before_end(std::uint32_t index, std::uint32_t bytes) const noexcept {
    VMBSAVE_ASSERT(index < size_ && bytes <= size_);
    return bytes < size_ - index ? bytes : size_ - index;
  }

  ControlPage* control_;
  std::byte* data_;
  std::uint32_t size_;  // of the data area
};

}  // namespace vmbsave::guest
