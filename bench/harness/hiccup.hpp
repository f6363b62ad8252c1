// hiccup.hpp: what the machine adds to a measured time. A thread that does nothing but read the clock sees each
// interruption as a gap between two readings; no save of that length on that thread can count on less.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmbsave::bench {

// The largest gap of each window, in nanoseconds; the calling thread is busy for windows * window_ns, and
// stays on its processor meanwhile.
std::vector<std::uint64_t> largest_gaps(std::uint64_t window_ns, std::size_t windows);

}  // namespace vmbsave::bench
