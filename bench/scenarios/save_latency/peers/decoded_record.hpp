// decoded_record.hpp: a packet that was read back from another format, as a record, to be compared.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "image/format.hpp"

namespace vmbsave::bench {

template <class Packet>
std::vector<std::byte> decoded_record(const Packet& packet, std::span<const std::byte> state) {
  const auto bytes = static_cast<std::uint32_t>(state.size());
  const image::LibBuf lib{.transaction_id = packet.transaction_id(),
                          .sequence = packet.sequence(),
                          .record_bytes = static_cast<std::uint32_t>(image::record_bytes(0, bytes)),
                          .save_bytes = bytes,
                          .payload_bytes = 0,
                          .direction = 0,
                          .flags = packet.completion_requested() ? image::kLibBufCompletionRequested : std::uint8_t{0},
                          .reserved = 0};
  std::vector<std::byte> record(lib.record_bytes);
  std::memcpy(record.data(), &lib, sizeof lib);
  if (bytes != 0) std::memcpy(record.data() + sizeof lib, state.data(), bytes);
  return record;
}

}  // namespace vmbsave::bench
