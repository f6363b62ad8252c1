// Pages for the small mappings of the many VMs of as many schedules: kept and emptied instead of given back, since
// system calls would take most of a schedule's time. The linker puts these in the place of the C library's.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <vector>

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
void* __real_mmap(void* where, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void* base, size_t bytes);
void* __wrap_mmap(void* where, size_t bytes, int protection, int flags, int file, off_t offset);
int __wrap_munmap(void* base, size_t bytes);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace {

constexpr size_t kSmall = 64u << 10;

struct Pages {
  void* base;
  size_t bytes;
  bool used;
};

std::vector<Pages>& kept() {
  static std::vector<Pages> kept;
  return kept;
}

}  // namespace

void* __wrap_mmap(void* where, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (bytes > kSmall) return __real_mmap(where, bytes, protection, flags, file, offset);
  for (Pages& pages : kept()) {
    if (pages.used || pages.bytes != bytes) continue;
    pages.used = true;
    return std::memset(pages.base, 0, bytes);
  }
  void* const base = __real_mmap(where, bytes, protection, flags, file, offset);
  if (base != MAP_FAILED) kept().push_back({base, bytes, true});
  return base;
}

int __wrap_munmap(void* base, size_t bytes) {
  const auto pages = std::find_if(kept().begin(), kept().end(), [&](const Pages& p) { return p.base == base; });
  if (pages == kept().end() || pages->bytes != bytes) return __real_munmap(base, bytes);
  pages->used = false;
  return 0;
}
