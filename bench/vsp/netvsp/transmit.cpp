#include "vsp/netvsp/transmit.hpp"

#include <cstring>

#include "vsp/netvsp/rndis.hpp"

namespace vmbsave::netvsp {
namespace {

bool is_in_section(const NvspSendRndis& nvsp, const Vnic& vnic) {
  if (nvsp.section_index >= kSendSections || nvsp.section_size > kSendSectionBytes) return false;
  Frame frame;
  return read_message(vnic.send_section(nvsp.section_index), nvsp.section_size, frame);
}

// The pages themselves are nowhere here: their message is known by its length.
bool is_in_pages(const NvspSendRndis& nvsp, const MDL& first) {
  if (nvsp.section_index != kNoSection || nvsp.section_size != 0) return false;
  std::uint64_t bytes = 0;
  for (const MDL* mdl = &first; mdl != nullptr; mdl = mdl->Next) bytes += MmGetMdlByteCount(mdl);
  return bytes > sizeof(RndisPacketHeader) && bytes <= kMaxHeadBytes + kMaxFrameBytes;
}

bool read_nvsp(const void* buffer, std::uint32_t length, NvspSendRndis& nvsp) {
  if (length != sizeof(nvsp)) return false;
  std::memcpy(&nvsp, buffer, sizeof(nvsp));
  return nvsp.type == kSendRndisPacket && nvsp.channel == kRndisData;
}

}  // namespace

bool receive_transmit(VMBPACKETCOMPLETION packet, const void* buffer, std::uint32_t length, std::uint32_t flags,
                      const Vnic& vnic, PacketContext& context) {
  NvspSendRndis nvsp;
  bool valid = read_nvsp(buffer, length, nvsp);
  if ((flags & VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA) == 0) {
    valid = valid && is_in_section(nvsp, vnic);
  } else if (valid) {
    PMDL mdl = nullptr;
    const NTSTATUS status =
        VmbChannelPacketGetExternalData(packet, VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY, &mdl);
    if (status == STATUS_PENDING) return false;
    valid = NT_SUCCESS(status) && is_in_pages(nvsp, *mdl);
  }
  context = {valid ? PacketKind::kTransmit : PacketKind::kMalformed, TransmitStatus::kInFlight, 0, 0};
  return true;
}

}  // namespace vmbsave::netvsp
