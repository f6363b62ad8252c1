// tar_seal.hpp: the checksums of a tar archive's headers.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "fuzz/target.hpp"

namespace vmbsave::fuzz {

inline constexpr std::size_t kTarBlock = 512;

// The sum of a header's bytes, its own field counted as blanks.
inline void seal_tar_header(std::byte* header) noexcept {
  std::memset(header + 148, ' ', 8);
  unsigned sum = 0;
  for (std::size_t i = 0; i < kTarBlock; ++i) sum += std::to_integer<unsigned>(header[i]);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum % 0777777u);
  std::memcpy(header + 148, text, 7);
}

// Header, data, header: as far as the sizes lead.
inline void seal_tar(std::vector<std::byte>& archive) noexcept {
  for (std::size_t at = 0; at + kTarBlock <= archive.size();) {
    std::byte* const header = archive.data() + at;
    const bool is_end = std::all_of(header, header + kTarBlock, [](std::byte byte) { return byte == std::byte{}; });
    if (is_end) return;
    seal_tar_header(header);
    const char* const size = reinterpret_cast<const char*>(header) + 124;
    std::uint64_t bytes = 0;
    std::from_chars(size, size + 11, bytes, 8);
    if (bytes > archive.size()) return;
    at += kTarBlock + (bytes + kTarBlock - 1) / kTarBlock * kTarBlock;
  }
}

}  // namespace vmbsave::fuzz
