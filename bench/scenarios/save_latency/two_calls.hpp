// two_calls.hpp: the documented calls of SavePacket, as everybody but the engine makes them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "packet/channel.hpp"
#include "save/passes.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "vmbsave/kmcl.h"

namespace vmbsave::bench {

[[noreturn]] inline void fail_packet(VMBPACKET packet, NTSTATUS status) {
  throw CheckFailed(fmt::format("SavePacket of transaction {} failed: {} (0x{:08X})",
                                packet::from_handle(packet)->transaction_id, status_name(static_cast<Status>(status)),
                                static_cast<std::uint32_t>(status)));
}

// First call: bytes of state; 0: the packet has none. Throws CheckFailed if it fails.
inline std::uint32_t size_state(const packet::ChannelConfig& channel, VMBPACKET packet) {
  alignas(image::kRecordAlignment) std::byte nothing[image::kRecordAlignment];
  UINT32 needed = 0;
  const NTSTATUS status = channel.save_packet(channel.handle, packet, nothing, 0, &needed);
  if (NT_SUCCESS(status)) return 0;
  if (needed == 0) fail_packet(packet, status);
  return needed;
}

// Second call, into `size` bytes: those that hold state. Throws CheckFailed if it fails.
inline std::uint32_t save_state(const packet::ChannelConfig& channel, VMBPACKET packet, void* buffer,
                                std::uint32_t size) {
  UINT32 needed = size;
  const NTSTATUS status = channel.save_packet(channel.handle, packet, buffer, size, &needed);
  if (!NT_SUCCESS(status)) fail_packet(packet, status);
  return std::min(needed, size);
}

// Saves a packet that was sized right into its record, of image::record_bytes(0, size) bytes, at `record`.
inline void save_record(const packet::ChannelConfig& channel, VMBPACKET packet, std::uint32_t size, std::byte* record) {
  const auto record_bytes = static_cast<std::uint32_t>(image::record_bytes(0, size));
  std::byte* const state = record + sizeof(image::LibBuf);
  const std::uint32_t used = size == 0 ? 0 : save_state(channel, packet, state, size);
  save::write_lib_buf(*packet::from_handle(packet), record_bytes, used, 0, record);
  std::memset(state + used, 0, record_bytes - sizeof(image::LibBuf) - used);
}

}  // namespace vmbsave::bench
