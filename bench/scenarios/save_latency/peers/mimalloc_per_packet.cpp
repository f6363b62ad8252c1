// mimalloc is loaded, not linked: a program that links it has all its memory from it.
#include <dlfcn.h>
#include <fmt/format.h>

#include <stdexcept>

#include "scenarios/save_latency/peers/record_table.hpp"

namespace vmbsave::bench {
namespace {

constexpr const char* kLibrary = "libmimalloc.so.2";

template <class Function>
Function* look_up(void* library, const char* symbol) {
  if (void* const found = dlsym(library, symbol)) return reinterpret_cast<Function*>(found);
  throw std::runtime_error(fmt::format("{} has no {}", kLibrary, symbol));
}

// Loaded once, and kept.
const PerPacket& mimalloc() {
  static const PerPacket functions = [] {
    void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw std::runtime_error(fmt::format("cannot load {}: {} (bench/run installs it)", kLibrary, dlerror()));
    }
    return PerPacket{look_up<void*(std::size_t)>(library, "mi_malloc"), look_up<void(void*)>(library, "mi_free")};
  }();
  return functions;
}

}  // namespace

std::unique_ptr<Implementation> make_mimalloc_per_packet(Rig& rig, const RunOptions& options) {
  return std::make_unique<RecordTable<PerPacket>>("mimalloc_per_packet", rig, options.executor, mimalloc());
}

}  // namespace vmbsave::bench
