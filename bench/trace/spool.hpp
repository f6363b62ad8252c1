#pragma once

#include <cstddef>
#include <initializer_list>
#include <new>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace vmbsave::trace {

/// No file, or no room in it, for records that are too many for memory. what() is one line that names the folder.
class SpoolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How many bytes of a spool lie in memory before it moves into a file: for all that grow from now on; 64 MiB unless
/// set. Gives what it was. For tests.
std::size_t set_spool_memory(std::size_t bytes) noexcept;

/// Bytes in memory while they are few. More lie in a file that has no name, below $TMPDIR or /tmp, and are mapped: the
/// kernel can write them back, so that memory does not grow with them, unless that folder is itself in memory (tmpfs).
/// Blocks of the file are allocated before they are mapped: a full disk is an error here and no signal at some later
/// write.
class SpoolRoom {
 public:
  SpoolRoom() = default;
  ~SpoolRoom();
  SpoolRoom(SpoolRoom&& other) noexcept { swap(other); }
  SpoolRoom& operator=(SpoolRoom&& other) noexcept {
    SpoolRoom(std::move(other)).swap(*this);
    return *this;
  }

  void* bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return size_; }

  /// By at least kLeastBytes; the bytes so far are kept, and may move. Throws SpoolError or std::bad_alloc.
  void grow();
  static constexpr std::size_t kLeastBytes = 4096;

  void swap(SpoolRoom& other) noexcept;

 private:
  void grow_memory(std::size_t size);
  void move_to_file(std::size_t size);
  void grow_file(std::size_t size);

  void* bytes_ = nullptr;
  std::size_t size_ = 0;
  int file_ = -1;  // -1: in memory
};

/// An array that only grows at its end, of any length.
template <typename T>
class Spool {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= SpoolRoom::kLeastBytes);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  Spool() = default;
  Spool(std::initializer_list<T> records) {
    for (const T& record : records) push_back(record);
  }
  Spool(Spool&& other) noexcept { swap(other); }
  Spool& operator=(Spool&& other) noexcept {
    Spool(std::move(other)).swap(*this);
    return *this;
  }

  void push_back(const T& record) {
    const T copy = record;  // it may be one of these, which move
    if ((size_ + 1) * sizeof(T) > room_.size()) room_.grow();
    ::new (data() + size_) T(copy);
    ++size_;
  }
  /// The room stays.
  void clear() noexcept { size_ = 0; }
  void swap(Spool& other) noexcept {
    room_.swap(other.room_);
    std::swap(size_, other.size_);
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T* data() noexcept { return static_cast<T*>(room_.bytes()); }
  const T* data() const noexcept { return static_cast<const T*>(room_.bytes()); }
  T& operator[](std::size_t index) noexcept { return data()[index]; }
  const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  T& front() noexcept { return data()[0]; }
  const T& front() const noexcept { return data()[0]; }
  T& back() noexcept { return data()[size_ - 1]; }
  const T& back() const noexcept { return data()[size_ - 1]; }
  iterator begin() noexcept { return data(); }
  iterator end() noexcept { return data() + size_; }
  const_iterator begin() const noexcept { return data(); }
  const_iterator end() const noexcept { return data() + size_; }
  std::span<T> span() noexcept { return {data(), size_}; }
  std::span<const T> span() const noexcept { return {data(), size_}; }

 private:
  SpoolRoom room_;
  std::size_t size_ = 0;  // in records
};

}  // namespace vmbsave::trace
