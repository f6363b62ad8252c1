// image_file.hpp: an image to a file; a reader sees the old file or the whole new one.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace vmbsave::replay {

// Throws std::runtime_error with one clear line; then no file was changed.
void write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace vmbsave::replay
