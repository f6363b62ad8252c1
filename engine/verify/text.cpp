#include "verify/text.hpp"

#include <algorithm>
#include <cstdio>

namespace vmbsave::verify {

std::string status_text(Status status) {
  char number[16];
  std::snprintf(number, sizeof number, " (0x%08X)", static_cast<unsigned>(status));
  return status_name(status) + std::string(number);
}

std::string bytes_text(std::uint64_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

std::string times_text(std::uint64_t times) { return times == 1 ? "once" : std::to_string(times) + " times"; }

std::optional<Difference> first_difference(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  const std::size_t common = std::min(a.size(), b.size());
  std::size_t first = 0;
  while (first < common && a[first] == b[first]) ++first;
  if (first == common) {
    if (a.size() == b.size()) return std::nullopt;
    return Difference{common, std::max(a.size(), b.size()) - common};
  }
  std::size_t last = first;
  while (last < common && a[last] != b[last]) ++last;
  return Difference{first, last - first};
}

std::string difference_text(std::span<const std::byte> found, std::span<const std::byte> expected) {
  const std::optional<Difference> difference = first_difference(found, expected);
  if (!difference) return "no difference";
  const std::size_t at = difference->first_byte;
  if (at >= found.size() || at >= expected.size()) {
    return bytes_text(found.size()) + ", expected " + std::to_string(expected.size());
  }
  char text[64];
  std::snprintf(text, sizeof text, "byte %zu is 0x%02X, expected 0x%02X", at, static_cast<unsigned>(found[at]),
                static_cast<unsigned>(expected[at]));
  return text;
}

}  // namespace vmbsave::verify
