#include <dlfcn.h>
#include <fmt/format.h>
#include <malloc.h>

#include <cstdlib>
#include <filesystem>

#include "report/build_info.hpp"

namespace vmbsave::report {
namespace {

// Below what malloc takes from the system for itself, above what it keeps in caches that statistics miss.
constexpr std::size_t kProbeBytes = 100'000;

// A function of whatever library the program runs with; nullptr without that library.
template <class Function>
Function* loaded(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

bool is_mimallocs(const void* memory) {
  const auto is_in_heap = loaded<bool(const void*)>("mi_is_in_heap_region");
  return is_in_heap != nullptr && is_in_heap(memory);
}

// 209 is 2.0.9.
std::string mimalloc_name() {
  const auto version_of = loaded<int()>("mi_version");
  const int version = version_of == nullptr ? 0 : version_of();
  return fmt::format("mimalloc {}.{}.{}", version / 100, version / 10 % 10, version % 10);
}

std::string file_of_malloc() {
  Dl_info info{};
  if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0 || info.dli_fname == nullptr) return "unknown";
  return std::filesystem::path(info.dli_fname).filename().string();
}

std::size_t glibc_bytes_in_use() { return mallinfo2().uordblks; }

}  // namespace

std::string allocator_name() {
  const std::size_t before = glibc_bytes_in_use();
  void* volatile const memory = std::malloc(kProbeBytes);  // volatile: the call is not to be optimised away
  const bool is_glibcs = glibc_bytes_in_use() >= before + kProbeBytes;
  const bool is_mimalloc = is_mimallocs(memory);
  std::free(memory);
  if (is_mimalloc) return mimalloc_name();
  return is_glibcs ? "glibc" : file_of_malloc();
}

}  // namespace vmbsave::report
