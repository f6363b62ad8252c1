// huge_pages.hpp: whether memory lies in huge pages, which a program can ask for and not have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vmbsave::bench {

// Bytes in huge pages of all mappings of this process that the memory touches. Absent where the system does not say.
std::optional<std::uint64_t> huge_page_bytes(const std::vector<std::span<const std::byte>>& memory);

}  // namespace vmbsave::bench
