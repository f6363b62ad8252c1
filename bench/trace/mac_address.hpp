#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmbsave::trace {

/// Of a network adapter, as it lies in a frame.
using MacAddress = std::array<std::uint8_t, 6>;

/// Six pairs of hexadecimal digits with colons between them, in either case.
std::optional<MacAddress> parse_mac(std::string_view text);

/// "00:15:5d:01:02:03"
std::string mac_text(const MacAddress& address);

}  // namespace vmbsave::trace
