// mapping.hpp: anonymous pages of the process, zero when new, given back on destruction.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace vmbsave::mem {

// Of the smallest pages, which are taken one by one.
inline constexpr std::size_t kPage = 4096;

class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  // At least `bytes` bytes, page-aligned, or aligned for huge pages where one fits; not yet backed by memory. Empty if
  // the system refuses.
  static Mapping reserve(std::size_t bytes) noexcept;

  // At least `bytes` bytes, of which the first ones are what there was, at another address: pages move, nothing is
  // copied. False: the system refuses, and nothing has changed.
  bool grow(std::size_t bytes) noexcept;

  // Takes the page faults of [first, last) now instead of in a save; huge pages where the system gives them. Nobody
  // else writes there meanwhile. False: there is no memory for them, or `last` is more than the machine has.
  [[nodiscard]] bool prefault(std::size_t first, std::size_t last) noexcept;

  std::byte* data() const noexcept { return base_; }
  std::size_t size() const noexcept { return bytes_; }
  explicit operator bool() const noexcept { return base_ != nullptr; }

 private:
  Mapping(std::byte* base, std::size_t bytes) noexcept : base_(base), bytes_(bytes) {}
  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace vmbsave::mem
