// ring_layout.hpp: the bytes of a VMBus ring and of the packets in it, as a guest and a host share them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/bytes.hpp"

namespace vmbsave::guest {

inline constexpr std::uint32_t kPageBytes = 4096;

// Everything in the data area is a multiple of this; lengths of packets are counted in it.
inline constexpr std::uint32_t kRingUnit = 8;

enum class PacketType : std::uint16_t {
  kDataInBand = 6,
  kDataUsingTransferPages = 7,
  kDataUsingGpaDirect = 9,
  kCompletion = 0xB,
};

inline constexpr std::uint16_t kFlagCompletionRequested = 1;  // PacketDescriptor::flags
inline constexpr std::uint32_t kFeaturePendingSendSize = 1;   // ControlPage::feature_bits

// First page of a ring. Both sides read and write it at once, so that its words are atomics in place.
struct ControlPage {
  using Word = base::Atomic<std::uint32_t>;
  Word write_index;        // of the writer: where the next packet goes
  Word read_index;         // of the reader: the oldest packet; the ring is empty if it equals the write index
  Word interrupt_mask;     // of the reader: not 0: it looks by itself, no signal is wanted
  Word pending_send_size;  // of the writer: signal it once it can write that many bytes; 0: it does not wait
  std::uint32_t reserved[12];
  Word feature_bits;
  std::uint8_t reserved2[kPageBytes - 68];
};
static_assert(sizeof(ControlPage) == kPageBytes && sizeof(ControlPage::Word) == 4);
static_assert(offsetof(ControlPage, write_index) == 0 && offsetof(ControlPage, read_index) == 4);
static_assert(offsetof(ControlPage, interrupt_mask) == 8 && offsetof(ControlPage, pending_send_size) == 12);
static_assert(offsetof(ControlPage, feature_bits) == 64);

struct PacketDescriptor {
  std::uint16_t type;          // PacketType
  std::uint16_t data_offset8;  // where the payload begins, from the descriptor
  std::uint16_t length8;       // of the packet, without footer
  std::uint16_t flags;
  std::uint64_t transaction_id;
};
static_assert(sizeof(PacketDescriptor) == 16 && offsetof(PacketDescriptor, data_offset8) == 2);
static_assert(offsetof(PacketDescriptor, length8) == 4 && offsetof(PacketDescriptor, flags) == 6);
static_assert(offsetof(PacketDescriptor, transaction_id) == 8);

struct PacketFooter {
  std::uint32_t reserved;
  std::uint32_t offset;  // where the packet begins in the data area
};
static_assert(sizeof(PacketFooter) == 8 && offsetof(PacketFooter, offset) == 4);

struct GpaDirectHeader {
  PacketDescriptor descriptor;
  std::uint32_t reserved;  // may hold anything
  std::uint32_t range_count;
};
static_assert(sizeof(GpaDirectHeader) == 24 && offsetof(GpaDirectHeader, range_count) == 20);

// A 64-bit page number for each page that it touches follows.
struct GpaRangeHeader {
  std::uint32_t byte_count;
  std::uint32_t byte_offset;
};
static_assert(sizeof(GpaRangeHeader) == 8 && offsetof(GpaRangeHeader, byte_offset) == 4);

// Longest packet, without footer: its length is 16 bits.
inline constexpr std::uint32_t kMaxPacketBytes = 0xFFFF * kRingUnit;

// What an in-band packet or a completion takes of the ring.
constexpr std::uint64_t ring_bytes(std::uint64_t payload_bytes) noexcept {
  return sizeof(PacketDescriptor) + base::align_up(payload_bytes, kRingUnit) + sizeof(PacketFooter);
}

}  // namespace vmbsave::guest
