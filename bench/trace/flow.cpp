#include "trace/flow.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vmbsave::trace {
namespace {

using FrameBytes = std::span<const std::uint8_t>;

// An address of any kind, then a port or 0.
using FlowEnd = std::array<std::uint8_t, 18>;

unsigned big_endian16(FrameBytes bytes, std::size_t at) {
  return static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
}

FlowEnd flow_end(FrameBytes address) {
  FlowEnd end{};
  std::copy(address.begin(), address.end(), end.begin());
  return end;
}

struct FlowEnds {
  FlowEnd from;
  FlowEnd to;
  std::uint8_t protocol = 0;
};

FlowEnds mac_ends(FrameBytes frame) {
  constexpr std::size_t kMacBytes = 6;
  return {flow_end(frame.subspan(kMacBytes, kMacBytes)), flow_end(frame.first(kMacBytes))};
}

// `payload` begins where the transport's header would.
void add_ports(FlowEnds& ends, FrameBytes payload) {
  constexpr std::array<std::uint8_t, 3> kWithPorts = {6, 17, 132};  // TCP, UDP, SCTP
  constexpr std::size_t kPortAt = 16;
  const bool has_ports = std::find(kWithPorts.begin(), kWithPorts.end(), ends.protocol) != kWithPorts.end();
  if (!has_ports || payload.size() < 4) return;
  std::copy_n(payload.begin(), 2, ends.from.begin() + kPortAt);
  std::copy_n(payload.begin() + 2, 2, ends.to.begin() + kPortAt);
}

bool is_ipv4(FrameBytes packet) {
  constexpr std::size_t kLeastHeader = 20;
  return packet.size() >= kLeastHeader && packet[0] >> 4 == 4 && (packet[0] & 0xFu) * 4 >= kLeastHeader;
}

FlowEnds ipv4_ends(FrameBytes packet) {
  constexpr unsigned kFragment = 0x3FFF;  // more of them follow, or an offset: only the first has ports
  FlowEnds ends{flow_end(packet.subspan(12, 4)), flow_end(packet.subspan(16, 4)), packet[9]};
  const std::size_t header = (packet[0] & 0xFu) * 4;
  if ((big_endian16(packet, 6) & kFragment) == 0 && packet.size() > header) add_ports(ends, packet.subspan(header));
  return ends;
}

constexpr std::size_t kIpv6Header = 40;

bool is_ipv6(FrameBytes packet) { return packet.size() >= kIpv6Header && packet[0] >> 4 == 6; }

// Extension headers are not followed: such a packet is one of a flow without ports.
FlowEnds ipv6_ends(FrameBytes packet) {
  FlowEnds ends{flow_end(packet.subspan(8, 16)), flow_end(packet.subspan(24, 16)), packet[6]};
  add_ports(ends, packet.subspan(kIpv6Header));
  return ends;
}

FlowEnds ends_of(FrameBytes frame) {
  constexpr unsigned kIpv4 = 0x0800, kIpv6 = 0x86DD, kVlan = 0x8100, kServiceVlan = 0x88A8;
  constexpr std::size_t kTagBytes = 4;
  std::size_t payload = kEthernetHeaderBytes;
  unsigned type = big_endian16(frame, payload - 2);
  while ((type == kVlan || type == kServiceVlan) && frame.size() >= payload + kTagBytes) {
    payload += kTagBytes;
    type = big_endian16(frame, payload - 2);
  }
  const FrameBytes packet = frame.subspan(payload);
  if (type == kIpv4 && is_ipv4(packet)) return ipv4_ends(packet);
  if (type == kIpv6 && is_ipv6(packet)) return ipv6_ends(packet);
  return mac_ends(frame);
}

// FNV-1a.
void add_to_hash(std::uint64_t& hash, FrameBytes bytes) {
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3;
}

}  // namespace

std::uint64_t flow_of(std::span<const std::uint8_t> frame) {
  FlowEnds ends = ends_of(frame);
  if (ends.to < ends.from) std::swap(ends.from, ends.to);
  std::uint64_t hash = 0xCBF29CE484222325;
  add_to_hash(hash, ends.from);
  add_to_hash(hash, ends.to);
  add_to_hash(hash, {&ends.protocol, 1});
  return hash ^ hash >> 32;  // queues are taken from its lowest bits
}

}  // namespace vmbsave::trace
