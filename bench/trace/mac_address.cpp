#include "trace/mac_address.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

namespace vmbsave::trace {

std::optional<MacAddress> parse_mac(std::string_view text) {
  constexpr std::size_t kStep = 3;  // two digits and a colon
  MacAddress address{};
  if (text.size() != address.size() * kStep - 1) return std::nullopt;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const char* const digits = text.data() + i * kStep;
    const auto [end, error] = std::from_chars(digits, digits + 2, address[i], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
    if (i + 1 < address.size() && *end != ':') return std::nullopt;
  }
  return address;
}

std::string mac_text(const MacAddress& address) { return fmt::format("{:02x}", fmt::join(address, ":")); }

}  // namespace vmbsave::trace
