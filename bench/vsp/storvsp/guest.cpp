#include "vsp/storvsp/guest.hpp"

#include <cstring>

#include "vsp/storvsp/wire.hpp"

namespace vmbsave::storvsp {
namespace {

static_assert(sizeof(VstorPacket) <= VMBS_VSP_MAX_INLINE && sizeof(VstorPacket) % 8 == 0);
static_assert(kMaxPages == VMBS_VSP_MAX_PAGES);

constexpr std::uint32_t kTimeOutSeconds = 60;

// An UNMAP's parameter list with one range: what a guest sends for a discard whose length the trace does not have.
constexpr std::uint32_t kUnmapListBytes = 24;

void store_big_endian(std::uint8_t* at, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

void put_cdb10(ScsiRequest& scsi, Opcode opcode, std::uint64_t lba, std::uint32_t blocks) {
  scsi.cdb_length = 10;
  scsi.payload[0] = opcode;
  store_big_endian(scsi.payload + 2, lba, 4);
  store_big_endian(scsi.payload + 7, blocks, 2);
}

void put_cdb16(ScsiRequest& scsi, Opcode opcode, std::uint64_t lba, std::uint32_t blocks) {
  scsi.cdb_length = 16;
  scsi.payload[0] = opcode;
  store_big_endian(scsi.payload + 2, lba, 8);
  store_big_endian(scsi.payload + 10, blocks, 4);
}

void put_cdb(ScsiRequest& scsi, const VMBS_VSP_REQUEST& request) {
  const std::uint32_t blocks = request.bytes / kBlockBytes;
  if (request.operation == VMBS_VSP_DISCARD && blocks == 0) {
    put_cdb10(scsi, kUnmap, 0, kUnmapListBytes);
    return;
  }
  if (request.operation == VMBS_VSP_DISCARD) {
    put_cdb16(scsi, kWriteSame16, request.lba, blocks);
    scsi.payload[1] = kWriteSameUnmap;
    return;
  }
  const bool is_read = request.operation == VMBS_VSP_READ;
  if (request.lba <= UINT32_MAX && blocks <= UINT16_MAX) {
    put_cdb10(scsi, is_read ? kRead10 : kWrite10, request.lba, blocks);
  } else {
    put_cdb16(scsi, is_read ? kRead16 : kWrite16, request.lba, blocks);
  }
}

// The data that goes over the wire. A discard's is the one block that WRITE SAME repeats, or UNMAP's list, in a page of
// its own.
struct Data {
  std::uint32_t bytes;
  std::uint32_t first_byte;
};

Data data_of(const VMBS_VSP_REQUEST& request) {
  if (request.operation == VMBS_VSP_DISCARD) return {request.bytes == 0 ? kUnmapListBytes : kBlockBytes, 0};
  return {request.bytes, request.first_byte};
}

bool is_encodable(const VMBS_VSP_REQUEST& request) {
  if (request.operation > VMBS_VSP_DISCARD || request.first_byte >= kPageBytes) return false;
  if (request.bytes % kBlockBytes != 0 || (request.bytes == 0 && request.operation != VMBS_VSP_DISCARD)) return false;
  return data_of(request).bytes <= kMaxDataBytes;
}

VstorPacket vstor_packet(const VMBS_VSP_REQUEST& request, const Data& data) {
  const bool is_read = request.operation == VMBS_VSP_READ;
  VstorPacket packet{};
  packet.operation = kExecuteSrb;
  packet.flags = kCompletionRequested;
  ScsiRequest& scsi = packet.request;
  scsi.length = sizeof(ScsiRequest);
  scsi.sense_info_length = kSenseBytes;
  scsi.data_in = is_read ? kDataIn : kDataOut;
  scsi.data_transfer_length = data.bytes;
  put_cdb(scsi, request);
  scsi.queue_tag = static_cast<std::uint8_t>(request.tag);
  scsi.queue_action = kSimpleTag;
  scsi.srb_flags =
      kSrbDisableSynchTransfer | kSrbQueueActionEnable | kSrbNoQueueFreeze | (is_read ? kSrbDataIn : kSrbDataOut);
  scsi.time_out_value = kTimeOutSeconds;
  scsi.queue_sort_key = static_cast<std::uint32_t>(request.tag);
  return packet;
}

void put_pages(VMBS_VSP_PACKET& packet, const Data& data, std::uint64_t record) {
  const auto pages = static_cast<std::uint32_t>(page_count(data.first_byte, data.bytes));
  packet.range_count = 1;
  packet.ranges[0] = {data.bytes, data.first_byte, pages};
  for (std::uint32_t i = 0; i < pages; ++i) packet.pages[i] = page_number(record, i);
}

}  // namespace

NTSTATUS encode(VOID*, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet) {
  if (!is_encodable(*request)) return STATUS_INVALID_PARAMETER;
  const Data data = data_of(*request);
  const VstorPacket vstor = vstor_packet(*request, data);
  std::memcpy(packet->bytes, &vstor, sizeof(vstor));
  packet->length = sizeof(vstor);
  packet->held = 0;
  put_pages(*packet, data, request->record);
  return STATUS_SUCCESS;
}

NTSTATUS outcome(const UINT8* bytes, UINT32 length, NTSTATUS* status) {
  if (length != sizeof(VstorPacket)) return STATUS_INVALID_PARAMETER;
  VstorPacket vstor;
  std::memcpy(&vstor, bytes, sizeof(vstor));
  *status = static_cast<NTSTATUS>(vstor.status);
  return vstor.operation == kCompleteIo ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

}  // namespace vmbsave::storvsp
