// nameless_file.hpp: files of one process, which no other finds and which are gone with it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace vmbsave::bench {

// A new file in `folder`, open for reading and writing, whose name is taken away at once; until then it began with
// `first`. The caller closes it. Throws std::system_error.
int open_nameless(const std::filesystem::path& folder, const char* first);

// Blocks for the bytes from `from` to `to`. Throws std::system_error, of no room too.
void allocate_blocks(int file, std::uint64_t from, std::uint64_t to);

}  // namespace vmbsave::bench
