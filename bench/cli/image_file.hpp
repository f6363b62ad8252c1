// image_file.hpp: the bytes of an image file, for the commands that look at one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace vmbsave::cli {

// An image that is there, and larger than max_bytes.
struct TooLarge : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A file that does not begin as an image does; no more of it is read.
struct NotAnImage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws std::runtime_error with one clear line: not there, no regular file, TooLarge, NotAnImage, unreadable.
std::vector<std::byte> read_image_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace vmbsave::cli
