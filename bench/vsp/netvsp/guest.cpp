#include "vsp/netvsp/guest.hpp"

#include <algorithm>
#include <cstring>

#include "vsp/generated.hpp"
#include "vsp/netvsp/rndis.hpp"
#include "vsp/netvsp/vnic.hpp"

namespace vmbsave::netvsp {
namespace {

static_assert(sizeof(NvspSendRndis) <= VMBS_VSP_MAX_INLINE && sizeof(ReceivePacket) <= VMBS_VSP_MAX_INLINE);
// A head and a frame from anywhere within its first page.
static_assert(2 + (kMaxFrameBytes + kPageBytes - 2) / kPageBytes <= VMBS_VSP_MAX_RANGES);
static_assert(VMBS_VSP_MAX_RANGES <= VMBS_VSP_MAX_PAGES);

// What a Linux guest keeps free behind a message in its section.
constexpr std::uint32_t kAlignment = 8;

constexpr bool fits_section(std::uint32_t bytes) { return bytes + kAlignment < kSendSectionBytes; }

void put_range(VMBS_VSP_PACKET& packet, std::uint32_t bytes, std::uint32_t first_byte, std::uint64_t record) {
  packet.ranges[packet.range_count] = {bytes, first_byte, 1};
  packet.pages[packet.range_count] = bench::page_number(record, packet.range_count);
  ++packet.range_count;
}

// The head in a page of its own, then a range for each page of the frame.
void put_pages(VMBS_VSP_PACKET& packet, const VMBS_VSP_REQUEST& request) {
  put_range(packet, kHeadBytes, 0, request.record);
  std::uint32_t first_byte = request.first_byte;
  for (std::uint32_t left = request.bytes; left != 0; first_byte = 0) {
    const std::uint32_t bytes = std::min(left, kPageBytes - first_byte);
    put_range(packet, bytes, first_byte, request.record);
    left -= bytes;
  }
}

bool is_encodable(const VMBS_VSP_REQUEST& request) {
  return request.operation == VMBS_VSP_TRANSMIT && is_frame_length(request.bytes) && request.first_byte < kPageBytes;
}

bool read_packet(const UINT8* bytes, UINT32 length, ReceivePacket& packet) {
  if (length != sizeof(packet)) return false;
  std::memcpy(&packet, bytes, sizeof(packet));
  return packet.message.type == kSendRndisPacket && packet.message.channel == kRndisData &&
         packet.message.section_index == kNoSection && packet.message.section_size == 0 &&
         packet.pages.set_id == kReceiveSetId && packet.pages.sender_owns_set == 0 && packet.pages.range_count == 1;
}

// Whole sections of the receive buffer, from the start of one of them.
bool is_in_buffer(const TransferPages& pages) {
  return pages.byte_offset % kReceiveSectionBytes == 0 && pages.byte_offset < kReceiveSections * kReceiveSectionBytes &&
         pages.byte_count <= kReceiveSections * kReceiveSectionBytes - pages.byte_offset;
}

}  // namespace

NTSTATUS encode(VOID* device, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet) {
  if (!is_encodable(*request)) return STATUS_INVALID_PARAMETER;
  Vnic& vnic = vnic_of(device);
  const std::uint32_t bytes = message_bytes(request->bytes);
  const std::uint32_t section = fits_section(bytes) ? vnic.send_sections.take(1) : kNoSection;
  packet->held = 0;
  packet->range_count = 0;
  if (section == kNoSection) {
    put_pages(*packet, *request);
  } else {
    write_message(vnic.send_section(section), request->record, request->bytes, request->tag);
    packet->held = section + 1;
  }
  const NvspSendRndis nvsp{kSendRndisPacket, kRndisData, section, section == kNoSection ? 0 : bytes, {}};
  std::memcpy(packet->bytes, &nvsp, sizeof(nvsp));
  packet->length = sizeof(nvsp);
  return STATUS_SUCCESS;
}

VOID retire(VOID* device, UINT32 held) {
  if (held != 0) vnic_of(device).send_sections.give(held - 1, 1);
}

NTSTATUS outcome(const UINT8* bytes, UINT32 length, NTSTATUS* status) {
  NvspSendRndisComplete nvsp;
  if (length != sizeof(nvsp)) return STATUS_INVALID_PARAMETER;
  std::memcpy(&nvsp, bytes, sizeof(nvsp));
  if (nvsp.type != kSendRndisPacketComplete) return STATUS_INVALID_PARAMETER;
  switch (nvsp.status) {
    case kNvspSuccess:
      *status = STATUS_SUCCESS;
      return STATUS_SUCCESS;
    case kNvspFailure:
      *status = STATUS_UNSUCCESSFUL;
      return STATUS_SUCCESS;
    case kNvspInvalidRndis:
      *status = STATUS_INVALID_PARAMETER;
      return STATUS_SUCCESS;
    default:
      return STATUS_INVALID_PARAMETER;
  }
}

NTSTATUS accept(VOID* device, const UINT8* bytes, UINT32 length, VMBS_VSP_REQUEST* request) {
  ReceivePacket packet;
  if (!read_packet(bytes, length, packet) || !is_in_buffer(packet.pages)) return STATUS_INVALID_PARAMETER;
  const std::uint32_t section = packet.pages.byte_offset / kReceiveSectionBytes;
  const std::byte* const message = vnic_of(device).receive_section(section);
  Frame frame;
  if (!read_message(message, packet.pages.byte_count, frame) || frame.bytes != request->bytes ||
      frame.hash != static_cast<std::uint32_t>(request->tag) ||
      !is_frame(message + frame.offset, request->record, frame.bytes)) {
    return STATUS_INVALID_PARAMETER;
  }
  request->first_buffer = section;
  request->buffers = receive_sections(packet.pages.byte_count);
  return STATUS_SUCCESS;
}

UINT32 answer(UINT8* out) {
  const NvspAnswer nvsp{kSendRndisPacketComplete, kNvspSuccess};
  std::memcpy(out, &nvsp, sizeof(nvsp));
  return sizeof(nvsp);
}

}  // namespace vmbsave::netvsp
