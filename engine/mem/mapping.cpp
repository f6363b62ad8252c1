#include "mem/mapping.hpp"

#include <sys/mman.h>

#include "base/bytes.hpp"

namespace vmbsave::mem {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Mapping::~Mapping() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

Mapping Mapping::reserve(std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > SIZE_MAX - kPage) return {};
  const std::size_t rounded = base::align_up(bytes, kPage);
  void* const base = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return {};
  return Mapping(static_cast<std::byte*>(base), rounded);
}

void Mapping::prefault() noexcept {
  if (base_ == nullptr) return;
  (void)madvise(base_, bytes_, MADV_HUGEPAGE);
  (void)madvise(base_, bytes_, MADV_POPULATE_WRITE);
}

}  // namespace vmbsave::mem
