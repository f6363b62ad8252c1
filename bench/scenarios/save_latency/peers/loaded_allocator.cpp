#include "scenarios/save_latency/peers/loaded_allocator.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <stdexcept>

namespace vmbsave::bench {
namespace {

template <class Function>
Function* look_up(void* library, const char* name, const char* symbol) {
  if (void* const found = dlsym(library, symbol)) return reinterpret_cast<Function*>(found);
  throw std::runtime_error(fmt::format("{} has no {}", name, symbol));
}

}  // namespace

// dlmopen: the programs that count allocations let nobody else open oneTBB's allocator (allocator_wrappers.cpp).
PerPacket load_allocator(const char* library, const char* allocate, const char* free) {
  void* const handle = dlmopen(LM_ID_BASE, library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw std::runtime_error(fmt::format("cannot load {}: {} (bench/run installs it)", library, dlerror()));
  }
  return {look_up<void*(std::size_t)>(handle, library, allocate), look_up<void(void*)>(handle, library, free)};
}

}  // namespace vmbsave::bench
