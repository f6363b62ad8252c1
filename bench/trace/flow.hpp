#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmbsave::trace {

inline constexpr std::size_t kEthernetHeaderBytes = 14;  // two MAC addresses, and the type of what follows

/// A number for the flow of a frame of at least kEthernetHeaderBytes, the same in both directions and in every run: of
/// its IP addresses and protocol, with the ports of TCP, UDP and SCTP if it is no fragment; of other frames, of the MAC
/// addresses. What was not captured counts as not there.
std::uint64_t flow_of(std::span<const std::uint8_t> frame);

}  // namespace vmbsave::trace
