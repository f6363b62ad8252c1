#include "trace/vscsi_record.hpp"

#include <fmt/format.h>

#include <cstring>

namespace vmbsave::trace {
namespace {

// Where the fields lie. `ver` holds the version in its upper byte.
struct Layout {
  std::size_t cmd, ver, sn, len, sg_elements, lbn, time, response;
};
constexpr std::size_t kNone = SIZE_MAX;
constexpr Layout kVersion1{12, 14, 0, 4, 8, 16, 24, kNone};
constexpr Layout kVersion2{0, 2, 4, 8, 12, 16, 24, 32};

constexpr std::uint32_t kMaxDataBytes = 1 << 26;
constexpr std::uint32_t kUnmapHeaderBytes = 8;
constexpr std::uint32_t kUnmapDescriptorBytes = 16;

constexpr const Layout& layout_of(VscsiVersion version) { return version == VscsiVersion::k1 ? kVersion1 : kVersion2; }

template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

std::optional<Operation> operation_of(std::uint16_t cmd) {
  if (cmd == 0x08 || cmd == 0x28 || cmd == 0xA8 || cmd == 0x88) return Operation::kRead;   // READ(6) (10) (12) (16)
  if (cmd == 0x0A || cmd == 0x2A || cmd == 0xAA || cmd == 0x8A) return Operation::kWrite;  // WRITE(6) (10) (12) (16)
  if (cmd == 0x42) return Operation::kDiscard;                                             // UNMAP
  return std::nullopt;
}

[[noreturn]] void fail(const Place& place, std::string_view expected, std::string_view found) {
  throw TraceError(place, fmt::format("expected {}, found {}", expected, found));
}

void check_version(VscsiVersion version, const VscsiRecord& record, const Place& place) {
  const unsigned expected = static_cast<unsigned>(version);
  if (record.version == expected) return;
  fail(place,
       fmt::format("vSCSI version {} at byte {} of the record, as in the first one", expected, layout_of(version).ver),
       fmt::format("{:#x} (is this a vSCSI trace?)", record.version));
}

// What UNMAP transfers is a list of ranges, and then the record does not say how much it discards.
bool is_unmap_list(std::uint32_t len) { return len % kUnmapDescriptorBytes == kUnmapHeaderBytes; }

std::uint32_t data_bytes(Operation operation, const VscsiRecord& record, const Place& place) {
  const std::uint32_t len = record.len;
  const std::uint32_t least = operation == Operation::kDiscard ? 0 : kSectorBytes;
  if (len <= kMaxDataBytes && operation == Operation::kDiscard && is_unmap_list(len)) return 0;
  if (len < least || len > kMaxDataBytes || len % kSectorBytes != 0) {
    fail(place, fmt::format("a length that is a multiple of 512, from {} to {}", least, kMaxDataBytes),
         std::to_string(len));
  }
  return len;
}

// One element more than the data have pages means that they begin within a page: then the least offset, in sectors,
// with which they touch that many. The trace holds no offset of its own.
std::uint32_t first_byte(const VscsiRecord& record) {
  const std::uint32_t pages = (record.len + kPageBytes - 1) / kPageBytes;
  const std::uint32_t offset = pages * kPageBytes - record.len + kSectorBytes;
  return record.sg_elements == pages + 1 && offset < kPageBytes ? offset : 0;
}

std::uint64_t submit_ns(const VscsiRecord& record, const Place& place) {
  constexpr std::uint64_t kMaxMicros = kMaxTimeNs / kNanosPerMicro;
  if (record.time_us > kMaxMicros || record.response_us > kMaxMicros - record.time_us) {
    fail(place, fmt::format("a time of at most {} us", kMaxMicros),
         fmt::format("{} us, response after {} us", record.time_us, record.response_us));
  }
  return record.time_us * kNanosPerMicro;
}

}  // namespace

std::optional<VscsiVersion> recognise_vscsi(std::span<const char> head) {
  // The upper byte of ver. Version 1 first: its place holds the top of a count in version 2, which is never 1.
  if (head.size() > kVersion1.ver + 1 && head[kVersion1.ver + 1] == 1) return VscsiVersion::k1;
  if (head.size() > kVersion2.ver + 1 && head[kVersion2.ver + 1] == 2) return VscsiVersion::k2;
  return std::nullopt;
}

VscsiRecord decode_vscsi(VscsiVersion version, const char* bytes) {
  const Layout& at = layout_of(version);
  return {.lbn = load<std::uint64_t>(bytes + at.lbn),
          .time_us = load<std::uint64_t>(bytes + at.time),
          .response_us = at.response == kNone ? 0 : load<std::uint64_t>(bytes + at.response),
          .sn = load<std::uint32_t>(bytes + at.sn),
          .len = load<std::uint32_t>(bytes + at.len),
          .sg_elements = load<std::uint32_t>(bytes + at.sg_elements),
          .cmd = load<std::uint16_t>(bytes + at.cmd),
          .version = load<std::uint8_t>(bytes + at.ver + 1)};
}

std::optional<Request> request_of(VscsiVersion version, const VscsiRecord& record, const Place& place) {
  check_version(version, record, place);
  const auto operation = operation_of(record.cmd);
  if (!operation && record.len == 0) return std::nullopt;
  if (!operation) {
    fail(place, "a SCSI read, write or unmap, or a command without data",
         fmt::format("operation code {:#04x} with {} bytes (is this a vSCSI trace?)", record.cmd, record.len));
  }
  const std::uint64_t submitted = submit_ns(record, place);
  return Request{
      .submit_ns = submitted,
      .complete_ns = version == VscsiVersion::k1 ? kNoCompletion : submitted + record.response_us * kNanosPerMicro,
      .lba = record.lbn,
      .tag = record.sn,
      .bytes = data_bytes(*operation, record, place),
      .first_byte = *operation == Operation::kDiscard ? 0 : first_byte(record),
      .queue = 0,
      .operation = *operation};
}

}  // namespace vmbsave::trace
