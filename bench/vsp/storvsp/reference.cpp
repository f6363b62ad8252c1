// Shares wire layouts and the guest's packet with the VSP, and on purpose nothing of how it saves.
#include "vsp/storvsp/reference.hpp"

#include <cstddef>

#include "vsp/little_endian_writer.hpp"
#include "vsp/storvsp/guest.hpp"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::storvsp {
std::uint32_t reference_state(const VMBS_VSP_REQUEST* request, std::uint8_t* out) {
  VMBS_VSP_PACKET packet;
  if (encode(nullptr, request, &packet) != STATUS_SUCCESS) return 0;
  const std::uint32_t byte_count = packet.ranges[0].byte_count;
  const std::uint32_t byte_offset = packet.ranges[0].byte_offset;
  const std::uint32_t pages = (byte_offset + byte_count - 1) / 4096 + 1;
  const std::uint32_t size = 8 + 76 + 8 * pages;

  bench::LittleEndianWriter writer(out);
  writer.put(0x50535653, 4);  // "SVSP"
  writer.put(1, 2);
  writer.put(size, 2);
  writer.put(request->record + 1, 8);
  writer.put(1 + pages, 8);
  writer.put(byte_count, 4);
  writer.put(byte_offset, 4);
  for (std::uint32_t i = 0; i < pages; ++i) writer.put(page_number(request->record, i), 8);
  for (std::size_t i = 0; i < sizeof(ScsiRequest); ++i) writer.put(packet.bytes[offsetof(VstorPacket, request) + i], 1);
  return size;
}

}  // namespace vmbsave::storvsp
