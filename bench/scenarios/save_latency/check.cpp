#include "scenarios/save_latency/check.hpp"

#include <fmt/format.h>

#include <cstring>

#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/verify.hpp"

namespace vmbsave::bench {
namespace {

constexpr Checksums checksums(bool checksum) { return checksum ? Checksums::kChecked : Checksums::kLeftOut; }

// Takes the record of packet `i` of the channel off the front of `records`.
std::string next_difference(std::span<const std::byte>& records, const Rig& rig, std::uint32_t channel, std::size_t i,
                            ReferenceState& reference) {
  image::LibBuf lib;
  if (records.size() < sizeof lib) return "ends early";
  std::memcpy(&lib, records.data(), sizeof lib);
  if (lib.payload_bytes != 0 || lib.record_bytes != image::record_bytes(0, lib.save_bytes) ||
      lib.record_bytes > records.size()) {
    return fmt::format("transaction {}: lengths of its record", lib.transaction_id);
  }
  const auto room = records.subspan(sizeof lib, lib.record_bytes - sizeof lib);
  records = records.subspan(lib.record_bytes);
  return record_difference(lib, room, rig.requests(channel)[i], rig.vsp(), reference, rig.known_state(channel, i));
}

}  // namespace

std::string image_difference(const Rig& rig, std::span<const std::byte> image, bool checksum) {
  return difference(image, rig.requests(), rig.vsp(), checksums(checksum), rig.states());
}

std::string image_difference(const Rig& rig, const save::ImageView& image, bool checksum) {
  Pieces pieces;
  image.for_each_piece([&](std::span<const std::byte> piece) { pieces.push_back(piece); });
  return difference(pieces, rig.requests(), rig.vsp(), checksums(checksum), rig.states());
}

std::string streams_difference(const Rig& rig, std::span<const std::byte> streams, bool checksum) {
  return streams_difference(streams, rig.requests(), rig.vsp(), checksums(checksum), rig.states());
}

std::string records_difference(const Rig& rig, std::span<const std::byte> records) {
  ReferenceState reference;
  for (std::uint32_t c = 0; c < rig.point().channels; ++c) {
    for (std::size_t i = 0; i < rig.requests(c).size(); ++i) {
      std::string why = next_difference(records, rig, c, i, reference);
      if (!why.empty()) return fmt::format("channel {}: {}", c, why);
    }
  }
  return records.empty() ? "" : fmt::format("{} bytes after the last record", records.size());
}

std::string records_difference(const Rig& rig, const Records& records) {
  ReferenceState reference;
  std::size_t number = 0;
  for (std::uint32_t c = 0; c < rig.point().channels; ++c) {
    for (std::size_t i = 0; i < rig.requests(c).size(); ++i) {
      if (number == records.size()) return fmt::format("channel {}: ends early", c);
      std::span<const std::byte> record = records[number++];
      std::string why = next_difference(record, rig, c, i, reference);
      if (why.empty() && !record.empty()) why = fmt::format("{} bytes after a record", record.size());
      if (!why.empty()) return fmt::format("channel {}: {}", c, why);
    }
  }
  return number == records.size() ? "" : fmt::format("{} records more than packets", records.size() - number);
}

}  // namespace vmbsave::bench
