// netvsp's wire layouts: NVSP messages of protocol 6.1 (40 bytes) and the RNDIS packet messages that they announce.
// Facts from the Linux guest driver and OpenVMM, which agree. Little-endian.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmbsave::netvsp {

static_assert(std::endian::native == std::endian::little, "messages are read and written in place");

inline constexpr std::uint32_t kPageBytes = 4096;

// ---- buffers that guest and VSP share: what a Linux guest asks for by default ------------------------------------

inline constexpr std::uint32_t kSendBufferBytes = 1024 * 1024;
inline constexpr std::uint32_t kSendSectionBytes = 6144;
inline constexpr std::uint32_t kSendSections = kSendBufferBytes / kSendSectionBytes;
static_assert(kSendSections == 170);
inline constexpr std::uint32_t kReceiveBufferBytes = 16 * 1024 * 1024;
inline constexpr std::uint32_t kReceiveSectionBytes = 1728;
inline constexpr std::uint32_t kReceiveSections = kReceiveBufferBytes / kReceiveSectionBytes;
static_assert(kReceiveSections == 9709);

// ---- NVSP --------------------------------------------------------------------------------------------------------

enum NvspType : std::uint32_t { kSendRndisPacket = 107, kSendRndisPacketComplete = 108 };

enum NvspStatus : std::uint32_t { kNvspSuccess = 1, kNvspFailure = 2, kNvspInvalidRndis = 5, kNvspBusy = 6 };

enum RndisChannel : std::uint32_t { kRndisData = 0, kRndisControl = 1 };

inline constexpr std::uint32_t kNoSection = 0xFFFFFFFF;

struct NvspSendRndis {
  std::uint32_t type;
  std::uint32_t channel;
  std::uint32_t section_index;  // kNoSection: the message lies in the packet's GPA ranges, or transfer pages
  std::uint32_t section_size;   // of the message in the section
  std::uint8_t unused[24];
};
static_assert(sizeof(NvspSendRndis) == 40);
static_assert(offsetof(NvspSendRndis, type) == 0);
static_assert(offsetof(NvspSendRndis, channel) == 4);
static_assert(offsetof(NvspSendRndis, section_index) == 8);
static_assert(offsetof(NvspSendRndis, section_size) == 12);

struct NvspSendRndisComplete {
  std::uint32_t type;
  std::uint32_t status;
  std::uint8_t unused[32];
};
static_assert(sizeof(NvspSendRndisComplete) == 40);
static_assert(offsetof(NvspSendRndisComplete, type) == 0);
static_assert(offsetof(NvspSendRndisComplete, status) == 4);

// A guest answers with the first 8 bytes alone.
struct NvspAnswer {
  std::uint32_t type;
  std::uint32_t status;
};
static_assert(sizeof(NvspAnswer) == 8);

// What the header of a transfer-page packet says behind the descriptor, and its one range.
inline constexpr std::uint16_t kReceiveSetId = 0xcafe;
struct TransferPages {
  std::uint16_t set_id;
  std::uint8_t sender_owns_set;
  std::uint8_t reserved;
  std::uint32_t range_count;
  std::uint32_t byte_count;
  std::uint32_t byte_offset;
};
static_assert(sizeof(TransferPages) == 16);
static_assert(offsetof(TransferPages, set_id) == 0);
static_assert(offsetof(TransferPages, sender_owns_set) == 2);
static_assert(offsetof(TransferPages, range_count) == 4);
static_assert(offsetof(TransferPages, byte_count) == 8);
static_assert(offsetof(TransferPages, byte_offset) == 12);

struct ReceivePacket {
  NvspSendRndis message;
  TransferPages pages;
};
static_assert(sizeof(ReceivePacket) == 56);

// ---- RNDIS -------------------------------------------------------------------------------------------------------

enum RndisType : std::uint32_t { kRndisPacket = 1 };

// Offsets count from data_offset's own place.
struct RndisPacketHeader {
  std::uint32_t type;
  std::uint32_t message_bytes;
  std::uint32_t data_offset;
  std::uint32_t data_bytes;
  std::uint32_t oob_offset;
  std::uint32_t oob_bytes;
  std::uint32_t oob_elements;
  std::uint32_t info_offset;  // of the per-packet infos
  std::uint32_t info_bytes;
  std::uint32_t vc_handle;
  std::uint32_t reserved;
};
static_assert(sizeof(RndisPacketHeader) == 44);
static_assert(offsetof(RndisPacketHeader, data_offset) == 8);
static_assert(offsetof(RndisPacketHeader, data_bytes) == 12);
static_assert(offsetof(RndisPacketHeader, oob_offset) == 16);
static_assert(offsetof(RndisPacketHeader, oob_bytes) == 20);
static_assert(offsetof(RndisPacketHeader, oob_elements) == 24);
static_assert(offsetof(RndisPacketHeader, info_offset) == 28);
static_assert(offsetof(RndisPacketHeader, info_bytes) == 32);
inline constexpr std::uint32_t kRndisOffsetBase = 8;

enum InfoType : std::uint32_t { kHashValue = 8 };

struct RndisInfo {
  std::uint32_t bytes;  // of header and value
  std::uint32_t type;   // the top bit: internal
  std::uint32_t value_offset;
};
static_assert(sizeof(RndisInfo) == 12);

// The longest frame that a segmentation offload leaves: an IP datagram of 65,535 bytes, Ethernet header and VLAN tag.
inline constexpr std::uint32_t kMaxFrameBytes = 65535 + 14 + 4;

}  // namespace vmbsave::netvsp
