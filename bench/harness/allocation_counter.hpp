// allocation_counter.hpp: how often a stretch of a program calls its allocator, over all threads. The calls are counted
// by wrappers around malloc and its kin, which a program has if it links vmbsave_allocator_glibc or
// vmbsave_allocator_mimalloc, and never in a build with a sanitizer, which brings an allocator of its own.
#pragma once

#include <cstdint>

namespace vmbsave::bench {

// Whether this program has the wrappers: tries it.
bool counts_allocator_calls();

// From here on, until stop_counting. A call is an allocation, a reallocation or a free of anything but nullptr. What
// other threads did is in the count if they were joined, or synchronised with, before the stop. Not nested.
void start_counting() noexcept;
std::uint64_t stop_counting() noexcept;

}  // namespace vmbsave::bench
