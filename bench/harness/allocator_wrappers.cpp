// Every way into the allocator, counted and handed on: to glibc, or to mimalloc where VMBSAVE_MIMALLOC is set. They are
// in the program itself, so that its libraries call them too.
#include <dlfcn.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>

#include "harness/allocation_count.hpp"

#ifdef VMBSAVE_MIMALLOC
#include <mimalloc.h>

namespace {
void* raw_malloc(std::size_t size) { return mi_malloc(size); }
void* raw_calloc(std::size_t count, std::size_t size) { return mi_calloc(count, size); }
void* raw_realloc(void* memory, std::size_t size) { return mi_realloc(memory, size); }
void* raw_memalign(std::size_t alignment, std::size_t size) { return mi_memalign(alignment, size); }
void raw_free(void* memory) { mi_free(memory); }
}  // namespace
#else
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace {
void* raw_malloc(std::size_t size) { return __libc_malloc(size); }
void* raw_calloc(std::size_t count, std::size_t size) { return __libc_calloc(count, size); }
void* raw_realloc(void* memory, std::size_t size) { return __libc_realloc(memory, size); }
void* raw_memalign(std::size_t alignment, std::size_t size) { return __libc_memalign(alignment, size); }
void raw_free(void* memory) { __libc_free(memory); }
}  // namespace
#endif

namespace {

using vmbsave::bench::count_allocator_call;

constexpr bool is_power_of_two(std::size_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  count_allocator_call();
  return raw_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  count_allocator_call();
  return raw_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
  count_allocator_call();
  return raw_realloc(memory, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  count_allocator_call();
  return raw_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  count_allocator_call();
  return raw_memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  count_allocator_call();
  void* const allocated = raw_memalign(alignment, size);
  if (allocated == nullptr) return ENOMEM;
  *memory = allocated;
  return 0;
}

void free(void* memory) noexcept {
  if (memory == nullptr) return;
  count_allocator_call();
  raw_free(memory);
}

// oneTBB opens an allocator of its own where it finds one, past every count: here it finds none, and calls malloc.
void* dlopen(const char* file, int mode) noexcept {
  if (file != nullptr && std::string_view(file).find("libtbbmalloc") != std::string_view::npos) return nullptr;
  static const auto real = reinterpret_cast<void* (*)(const char*, int)>(dlsym(RTLD_NEXT, "dlopen"));
  return real(file, mode);
}

}  // extern "C"

namespace {

// As the standard has it: the handler is to find memory, or to throw.
void* allocate(std::size_t size, std::align_val_t alignment) {
  const std::size_t align = static_cast<std::size_t>(alignment);
  for (;;) {
    void* const memory = align <= alignof(std::max_align_t) ? malloc(size) : memalign(align, size);
    if (memory != nullptr) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void* allocate_or_null(std::size_t size, std::align_val_t alignment) noexcept {
  try {
    return allocate(size, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

constexpr std::align_val_t kDefaultAlignment{alignof(std::max_align_t)};

}  // namespace

void* operator new(std::size_t n) { return allocate(n, kDefaultAlignment); }
void* operator new[](std::size_t n) { return allocate(n, kDefaultAlignment); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate(n, a); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate(n, a); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate_or_null(n, kDefaultAlignment); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate_or_null(n, kDefaultAlignment); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return allocate_or_null(n, a); }
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate_or_null(n, a);
}
void operator delete(void* p) noexcept { free(p); }
void operator delete[](void* p) noexcept { free(p); }
void operator delete(void* p, std::size_t) noexcept { free(p); }
void operator delete[](void* p, std::size_t) noexcept { free(p); }
void operator delete(void* p, std::align_val_t) noexcept { free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { free(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { free(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { free(p); }
