#include "guest/packet_parser.hpp"

#include <cstring>

#include "vmbsave/guest.hpp"

namespace vmbsave::guest {
namespace {

template <class T>
T read(std::span<const std::byte> bytes) noexcept {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Bytes of the range at the front of `bytes`; 0 if it is malformed or goes beyond them.
std::uint64_t range_bytes(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < sizeof(GpaRangeHeader)) return 0;
  const auto range = read<GpaRangeHeader>(bytes);
  if (range.byte_count == 0 || range.byte_offset >= kPageBytes) return 0;
  const std::uint64_t total =
      sizeof range + sizeof(std::uint64_t) * gpa_page_count(range.byte_count, range.byte_offset);
  return total <= bytes.size() ? total : 0;
}

// `header`: from the packet's begin to its payload.
bool parse_ranges(std::span<const std::byte> header, ParsedPacket& packet) noexcept {
  if (header.size() < sizeof(GpaDirectHeader)) return false;
  packet.range_count = read<GpaDirectHeader>(header).range_count;
  if (packet.range_count == 0) return false;
  const std::span<const std::byte> ranges = header.subspan(sizeof(GpaDirectHeader));
  std::size_t end = 0;
  for (std::uint32_t i = 0; i < packet.range_count; ++i) {  // each takes bytes, so that the count cannot run away
    const std::uint64_t bytes = range_bytes(ranges.subspan(end));
    if (bytes == 0) return false;
    end += bytes;
  }
  packet.gpa_ranges = ranges.first(end);
  return true;
}

}  // namespace

std::uint32_t packet_bytes(const PacketDescriptor& descriptor) noexcept {
  const bool sound =
      descriptor.data_offset8 * kRingUnit >= sizeof descriptor && descriptor.data_offset8 <= descriptor.length8;
  return sound ? descriptor.length8 * kRingUnit : 0;
}

bool parse_packet(std::span<const std::byte> copy, ParsedPacket& packet) noexcept {
  const auto descriptor = read<PacketDescriptor>(copy);
  if ((descriptor.flags & ~kFlagCompletionRequested) != 0) return false;
  const std::uint32_t offset = descriptor.data_offset8 * kRingUnit;
  packet = {};
  packet.type = static_cast<PacketType>(descriptor.type);
  packet.completion_requested = descriptor.flags != 0;
  packet.transaction_id = descriptor.transaction_id;
  packet.payload = copy.subspan(offset);
  switch (packet.type) {
    case PacketType::kDataInBand:
    case PacketType::kCompletion:
      return true;
    case PacketType::kDataUsingGpaDirect:
      return parse_ranges(copy.first(offset), packet);
    case PacketType::kDataUsingTransferPages:
      break;  // only hosts send these, and no host here does
  }
  return false;
}

}  // namespace vmbsave::guest
