#include "vsp/storvsp/request.hpp"

#include <cstring>

namespace vmbsave::storvsp {
namespace {

static_assert(sizeof(PFN_NUMBER) == sizeof(GpaRange::pfn[0]), "page numbers are copied as they are");

bool receive_pages(VMBPACKETCOMPLETION packet, GpaRange& range, std::uint32_t& range_words) {
  PMDL mdl = nullptr;
  if (VmbChannelPacketGetExternalData(packet, 0, &mdl) != STATUS_SUCCESS || mdl->Next != nullptr) return false;
  const std::uint32_t pages = valid_pages(mdl->ByteOffset, mdl->ByteCount);
  if (pages == 0) return false;
  range.byte_count = mdl->ByteCount;
  range.byte_offset = mdl->ByteOffset;
  std::memcpy(range.pfn, MmGetMdlPfnArray(mdl), pages * sizeof(range.pfn[0]));
  range_words = 1 + pages;
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
  if (byte_count == 0 || byte_offset >= kPageBytes) return 0;
  const std::uint64_t pages = page_count(byte_offset, byte_count);
  return pages <= kMaxPages ? static_cast<std::uint32_t>(pages) : 0;
}

bool is_valid(const PacketContext& context) {
  const ScsiRequest& request = context.request;
  const std::uint32_t data_bytes = context.range_words == 0 ? 0 : context.range.byte_count;
  return request.length == sizeof(ScsiRequest) && request.cdb_length != 0 && request.cdb_length <= kCdbBytes &&
         request.data_in <= kDataNone && request.data_transfer_length <= data_bytes;
}

void receive_request(VMBPACKETCOMPLETION packet, const void* buffer, std::uint32_t length, std::uint32_t flags,
                     PacketContext& context) {
  context.range_words = 0;
  bool valid = receive_srb(buffer, length, context.request);
  if (valid && (flags & VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA) != 0) {
    valid = receive_pages(packet, context.range, context.range_words);
  }
  if (!valid || !is_valid(context)) context.request.length = 0;
}

}  // namespace vmbsave::storvsp
