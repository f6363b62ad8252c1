// loaded_allocator.hpp: an allocator that is loaded, not linked. A program that links mimalloc has all its memory from
// it, and oneTBB takes its own allocator where it finds it, whose calls nobody counts.
#pragma once

#include "scenarios/save_latency/peers/record_table.hpp"

namespace vmbsave::bench {

// Loaded once, and kept. Throws std::runtime_error, in one line, if it is not installed.
PerPacket load_allocator(const char* library, const char* allocate, const char* free);

}  // namespace vmbsave::bench
