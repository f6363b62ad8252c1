// storvsp's wire layouts, Windows 8 and later (protocol 5.1 to 6.2): a packet of 64 bytes holds a SCSI request of 52,
// and the guest pages of its data travel as one GPA range. Facts from the Linux guest driver and OpenVMM, which agree.
// Little-endian; only CDBs are big-endian, as SCSI has them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmbsave::storvsp {

static_assert(std::endian::native == std::endian::little, "packets are read and written in place");

inline constexpr std::uint32_t kPageBytes = 4096;
inline constexpr std::uint32_t kBlockBytes = 512;
inline constexpr std::uint32_t kCdbBytes = 16;
inline constexpr std::uint32_t kSenseBytes = 20;
// The most that a host offers in one request, and the pages that it touches from anywhere within the first one.
inline constexpr std::uint32_t kMaxDataBytes = 256 * 1024;
inline constexpr std::uint32_t kMaxPages = 65;

enum Operation : std::uint32_t {
  kCompleteIo = 1,
  kRemoveDevice = 2,
  kExecuteSrb = 3,
  kResetLun = 4,
  kResetAdapter = 5,
  kResetBus = 6,
  kBeginInitialization = 7,
  kEndInitialization = 8,
  kQueryProtocolVersion = 9,
  kQueryProperties = 10,
  kEnumerateBus = 11,
  kFchbaData = 12,
  kCreateSubChannels = 13,
};

enum PacketFlags : std::uint32_t { kCompletionRequested = 0x1 };

enum SrbStatus : std::uint8_t {
  kSrbSuccess = 0x01,
  kSrbAborted = 0x02,
  kSrbError = 0x04,
  kSrbInvalidRequest = 0x06,
  kSrbDataOverrun = 0x12,
  kSrbInvalidLun = 0x20,
  kSrbInternalError = 0x30,
};

enum SrbFlags : std::uint32_t {
  kSrbQueueActionEnable = 0x2,
  kSrbDisableSynchTransfer = 0x8,
  kSrbDataIn = 0x40,
  kSrbDataOut = 0x80,
  kSrbNoQueueFreeze = 0x100,
};

enum DataDirection : std::uint8_t { kDataOut = 0, kDataIn = 1, kDataNone = 2 };

enum QueueAction : std::uint8_t { kSimpleTag = 0x20 };

enum Opcode : std::uint8_t {
  kRead10 = 0x28,
  kWrite10 = 0x2A,
  kUnmap = 0x42,
  kRead16 = 0x88,
  kWrite16 = 0x8A,
  kWriteSame16 = 0x93,
};
// WRITE SAME(16), byte 1: the blocks may be unmapped instead of written.
inline constexpr std::uint8_t kWriteSameUnmap = 0x08;

struct ScsiRequest {
  std::uint16_t length;  // of this structure
  std::uint8_t srb_status;
  std::uint8_t scsi_status;
  std::uint8_t port_number;
  std::uint8_t path_id;
  std::uint8_t target_id;
  std::uint8_t lun;
  std::uint8_t cdb_length;
  std::uint8_t sense_info_length;
  std::uint8_t data_in;
  std::uint8_t properties;
  std::uint32_t data_transfer_length;
  std::uint8_t payload[kSenseBytes];  // CDB on the way in, sense data on the way out
  std::uint16_t reserve;              // this field and all below: from Windows 8 on
  std::uint8_t queue_tag;
  std::uint8_t queue_action;
  std::uint32_t srb_flags;
  std::uint32_t time_out_value;  // seconds
  std::uint32_t queue_sort_key;
};
static_assert(sizeof(ScsiRequest) == 52);
static_assert(offsetof(ScsiRequest, length) == 0);
static_assert(offsetof(ScsiRequest, srb_status) == 2);
static_assert(offsetof(ScsiRequest, scsi_status) == 3);
static_assert(offsetof(ScsiRequest, port_number) == 4);
static_assert(offsetof(ScsiRequest, path_id) == 5);
static_assert(offsetof(ScsiRequest, target_id) == 6);
static_assert(offsetof(ScsiRequest, lun) == 7);
static_assert(offsetof(ScsiRequest, cdb_length) == 8);
static_assert(offsetof(ScsiRequest, sense_info_length) == 9);
static_assert(offsetof(ScsiRequest, data_in) == 10);
static_assert(offsetof(ScsiRequest, properties) == 11);
static_assert(offsetof(ScsiRequest, data_transfer_length) == 12);
static_assert(offsetof(ScsiRequest, payload) == 16);
static_assert(offsetof(ScsiRequest, reserve) == 36);
static_assert(offsetof(ScsiRequest, queue_tag) == 38);
static_assert(offsetof(ScsiRequest, queue_action) == 39);
static_assert(offsetof(ScsiRequest, srb_flags) == 40);
static_assert(offsetof(ScsiRequest, time_out_value) == 44);
static_assert(offsetof(ScsiRequest, queue_sort_key) == 48);

struct VstorPacket {
  std::uint32_t operation;
  std::uint32_t flags;
  std::uint32_t status;  // NTSTATUS
  ScsiRequest request;
};
static_assert(sizeof(VstorPacket) == 64);
static_assert(offsetof(VstorPacket, operation) == 0);
static_assert(offsetof(VstorPacket, flags) == 4);
static_assert(offsetof(VstorPacket, status) == 8);
static_assert(offsetof(VstorPacket, request) == 12);

// byte_count bytes of guest memory from byte_offset within the first page. Only the page numbers in use travel.
struct GpaRange {
  std::uint32_t byte_count;
  std::uint32_t byte_offset;
  std::uint64_t pfn[kMaxPages];
};
static_assert(sizeof(GpaRange) == 8 + 8 * kMaxPages);
static_assert(offsetof(GpaRange, byte_count) == 0);
static_assert(offsetof(GpaRange, byte_offset) == 4);
static_assert(offsetof(GpaRange, pfn) == 8);

constexpr std::uint64_t page_count(std::uint32_t byte_offset, std::uint32_t byte_count) {
  return (std::uint64_t{byte_offset} + byte_count + kPageBytes - 1) / kPageBytes;
}
static_assert(page_count(kPageBytes - 1, kMaxDataBytes) == kMaxPages);

}  // namespace vmbsave::storvsp
