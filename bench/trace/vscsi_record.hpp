#pragma once

#include <optional>

#include "trace/readers.hpp"

namespace vmbsave::trace {

/// A record of vscsiStats as it lies in the file.
struct VscsiRecord {
  std::uint64_t lbn;          // in 512-byte sectors
  std::uint64_t time_us;      // of submission
  std::uint64_t response_us;  // version 2 only
  std::uint32_t sn;
  std::uint32_t len;  // in bytes
  std::uint32_t sg_elements;
  std::uint16_t cmd;  // SCSI operation code
  std::uint8_t version;
};

constexpr std::size_t record_bytes(VscsiVersion version) { return version == VscsiVersion::k1 ? 32 : 40; }

/// Decodes record_bytes(version) bytes, laid out as in that version whatever the record says of itself.
VscsiRecord decode_vscsi(VscsiVersion version, const char* bytes);

/// The request that a record tells of, with its recorded times in ns; none for a command that moves no data. Throws
/// TraceError for anything that no such record can hold.
std::optional<Request> request_of(VscsiVersion version, const VscsiRecord& record, const Place& place);

}  // namespace vmbsave::trace
