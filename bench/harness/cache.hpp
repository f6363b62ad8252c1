// cache.hpp: memory that is to be cold.
#pragma once

#include <cstddef>
#include <span>

namespace vmbsave::bench {

// Drives these bytes out of the caches of all cores. Where the processor has no instruction for it, by filling the
// caches with something else. Gives how many lines it flushed one by one: 0 without the instruction.
std::size_t flush_from_caches(std::span<const std::span<const std::byte>> memory);

}  // namespace vmbsave::bench
