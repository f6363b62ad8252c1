#include "mem/mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.hpp"

namespace vmbsave::mem {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::byte* map(std::size_t bytes) noexcept {
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return base == MAP_FAILED ? nullptr : static_cast<std::byte*>(base);
}

// A huge page needs a place that is aligned for one: maps one more and gives the ends back.
std::byte* map_aligned(std::size_t bytes) noexcept {
  std::byte* const base = map(bytes + kHugePage);
  if (base == nullptr) return nullptr;
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(base) % kHugePage) % kHugePage;
  if (before != 0) munmap(base, before);
  if (kHugePage - before != 0) munmap(base + before + bytes, kHugePage - before);
  return base + before;
}

// For systems that do not populate on demand.
void touch(std::byte* first, std::byte* last) noexcept {
  for (volatile std::byte* page = first; page < last; page += kPage) *page = *page;
}

// More than the machine has would be given page by page, until the system ends the process. Asked only for sizes that
// take long anyway.
bool is_beyond_memory(std::size_t bytes) noexcept {
  constexpr std::size_t kWorthAsking = std::size_t{1} << 30;
  if (bytes < kWorthAsking) return false;
  const long pages = sysconf(_SC_PHYS_PAGES);
  return pages > 0 && bytes / kPage > static_cast<std::size_t>(pages);
}

}  // namespace

Mapping::~Mapping() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

Mapping Mapping::reserve(std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > SIZE_MAX / 2) return {};
  const bool huge = bytes >= kHugePage;
  const std::size_t rounded = base::align_up(bytes, huge ? kHugePage : kPage);
  std::byte* const base = huge ? map_aligned(rounded) : map(rounded);
  return base == nullptr ? Mapping{} : Mapping(base, rounded);
}

bool Mapping::grow(std::size_t bytes) noexcept {
  if (bytes <= bytes_) return true;
  Mapping larger = reserve(bytes);
  if (!larger) return false;
  if (base_ != nullptr) {
    // To the new size at once, so that it stays one area of the kernel's: before Linux 6.17 several do not move.
    if (mremap(base_, bytes_, larger.bytes_, MREMAP_MAYMOVE | MREMAP_FIXED, larger.base_) == MAP_FAILED) {
      // Rather lost than unmapped: the kernel may have done so already, and another thread may be there.
      larger.base_ = nullptr;
      return false;
    }
    base_ = nullptr;
  }
  *this = std::move(larger);
  return true;
}

bool Mapping::prefault(std::size_t first, std::size_t last) noexcept {
  first = first / kPage * kPage;
  last = std::min(last, bytes_);
  if (first >= last) return true;
  if (is_beyond_memory(last)) return false;
  std::byte* const base = base_ + first;
  // Not every system has huge pages, or gives them to everybody.
  (void)madvise(base_, bytes_, MADV_HUGEPAGE);
  if (madvise(base, last - first, MADV_POPULATE_WRITE) == 0) return true;
  if (errno == ENOMEM || errno == EHWPOISON) return false;  // a touch would kill
  touch(base, base_ + last);
  return true;
}

}  // namespace vmbsave::mem
