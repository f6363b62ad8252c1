// image_file.hpp: the bytes of an image file, for the commands that look at one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vmbsave::cli {

// Throws std::runtime_error with one clear line: not there, no regular file, larger than max_bytes, unreadable.
std::vector<std::byte> read_image_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace vmbsave::cli
