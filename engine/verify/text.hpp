// text.hpp: parts of the one line that a finding says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "vmbsave/status.hpp"

namespace vmbsave::verify {

// "STATUS_PENDING (0x00000103)"
std::string status_text(Status status);
// "1 byte", "2 bytes"
std::string bytes_text(std::uint64_t bytes);
// "once", "2 times"
std::string times_text(std::uint64_t times);

// The first stretch in which two states differ; one that is longer differs in what the other does not have.
struct Difference {
  std::uint64_t first_byte;
  std::uint64_t bytes;
};
std::optional<Difference> first_difference(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

// "byte 3 is 0x12, expected 0x34", and what it is that is longer.
std::string difference_text(std::span<const std::byte> found, std::span<const std::byte> expected);

}  // namespace vmbsave::verify
