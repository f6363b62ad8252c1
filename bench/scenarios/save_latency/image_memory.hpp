// image_memory.hpp: where an implementation writes its image: memory that is there before the first save, or, once it
// was given back, is mapped by the next save and faulted in as it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "mem/mapping.hpp"

namespace vmbsave::bench {

class ImageMemory {
 public:
  // Throws std::bad_alloc.
  explicit ImageMemory(std::uint64_t bytes) : bytes_(static_cast<std::size_t>(bytes)) { map(bytes_); }

  void give_back() noexcept { mapping_ = {}; }

  // Of a save, while it is timed. With its first page come as large pages as there were. Throws std::bad_alloc.
  void map_if_given_back() {
    if (!mapping_) map(1);
  }

  std::byte* data() const noexcept { return mapping_.data(); }
  std::size_t size() const noexcept { return mapping_.size(); }  // 0: given back

 private:
  void map(std::size_t prefaulted) {
    mem::Mapping mapping = mem::Mapping::reserve(bytes_);
    if (!mapping || !mapping.prefault(0, prefaulted)) throw std::bad_alloc();
    mapping_ = std::move(mapping);
  }

  const std::size_t bytes_;
  mem::Mapping mapping_;
};

}  // namespace vmbsave::bench
