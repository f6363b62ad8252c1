// whole_file.hpp: bytes to a file; a reader sees the old file or the whole new one.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace vmbsave::bench {

// Throws std::runtime_error with one clear line; then no file was changed.
void write_file(const std::string& path, std::span<const std::byte> bytes);

// Throws as write_file would if it cannot begin; for before hours of work. Changes no file.
void expect_writable(const std::string& path);

}  // namespace vmbsave::bench
