#include "vsp/storvsp/request.hpp"

#include <cstring>

namespace vmbsave::storvsp {
namespace {

static_assert(sizeof(PFN_NUMBER) == sizeof(GpaRange::pfn[0]), "page numbers are copied as they are");

bool receive_range(const MDL& mdl, PacketContext& context) {
  const std::uint32_t pages = mdl.Next == nullptr ? valid_pages(MmGetMdlByteOffset(&mdl), MmGetMdlByteCount(&mdl)) : 0;
  if (pages == 0) return false;
  context.range.byte_count = MmGetMdlByteCount(&mdl);
  context.range.byte_offset = MmGetMdlByteOffset(&mdl);
  std::memcpy(context.range.pfn, MmGetMdlPfnArray(&mdl), pages * sizeof(context.range.pfn[0]));
  context.range_words = 1 + pages;
  return true;
}

bool receive_srb(const void* buffer, std::uint32_t length, ScsiRequest& request) {
  if (length != sizeof(VstorPacket)) return false;
  VstorPacket vstor;
  std::memcpy(&vstor, buffer, sizeof(vstor));
  request = vstor.request;
  return vstor.operation == kExecuteSrb;
}

}  // namespace

std::uint32_t valid_pages(std::uint32_t byte_offset, std::uint32_t byte_count) {
  if (byte_count == 0 || byte_count > kMaxDataBytes || byte_offset >= kPageBytes) return 0;
  return static_cast<std::uint32_t>(page_count(byte_offset, byte_count));
}

bool is_valid(const PacketContext& context) {
  const ScsiRequest& request = context.request;
  const std::uint32_t data_bytes = context.range_words == 0 ? 0 : context.range.byte_count;
  return request.length == sizeof(ScsiRequest) && request.cdb_length != 0 && request.cdb_length <= kCdbBytes &&
         request.data_in <= kDataNone && request.data_transfer_length <= data_bytes;
}

bool receive_request(VMBPACKETCOMPLETION packet, const void* buffer, std::uint32_t length, std::uint32_t flags,
                     PacketContext& context) {
  context.range_words = 0;
  bool valid = receive_srb(buffer, length, context.request);
  if (valid && (flags & VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA) != 0) {
    PMDL mdl = nullptr;
    const NTSTATUS status = VmbChannelPacketGetExternalData(packet, 0, &mdl);
    if (status == STATUS_PENDING) return false;
    valid = NT_SUCCESS(status) && receive_range(*mdl, context);
  }
  if (!valid || !is_valid(context)) context.request.length = 0;
  return true;
}

}  // namespace vmbsave::storvsp
