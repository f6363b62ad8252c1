#include "vsp/netvsp/rndis.hpp"

#include <algorithm>
#include <cstring>

#include "vsp/generated.hpp"

namespace vmbsave::netvsp {
namespace {

static_assert(kHeadBytes == 60 && kHeadBytes <= kMaxHeadBytes);

// f(offset, word, bytes of it) for each word of a frame: captures' bytes are not kept, only how many there were.
template <class Function>
void for_each_word(std::uint64_t record, std::uint32_t bytes, Function&& f) {
  std::uint64_t word = bench::mix(record);
  for (std::uint32_t at = 0; at < bytes; at += sizeof(word), word += 0x9E3779B97F4A7C15u) {
    f(at, word, std::min<std::size_t>(sizeof(word), bytes - at));
  }
}

// `offset`, counted as the header does, and `bytes` from there lie behind the header and within `end`.
bool is_within(std::uint32_t offset, std::uint32_t bytes, std::uint32_t end) {
  const std::uint64_t first = std::uint64_t{offset} + kRndisOffsetBase;
  return first >= sizeof(RndisPacketHeader) && first + bytes <= end;
}

// The infos fill their part of the head one behind the other. The hash value among them, if there is one.
bool read_infos(const std::byte* at, std::uint32_t bytes, std::uint32_t& hash) {
  while (bytes != 0) {
    RndisInfo info;
    if (bytes < sizeof(info)) return false;
    std::memcpy(&info, at, sizeof(info));
    const bool has_value = info.value_offset >= sizeof(info) && info.value_offset <= info.bytes;
    if (!has_value || info.bytes > bytes) return false;
    if (info.type == kHashValue && info.bytes - info.value_offset >= sizeof(hash)) {
      std::memcpy(&hash, at + info.value_offset, sizeof(hash));
    }
    at += info.bytes;
    bytes -= info.bytes;
  }
  return true;
}

}  // namespace

void write_message(std::byte* out, std::uint64_t record, std::uint32_t frame_bytes, std::uint64_t flow) {
  RndisPacketHeader header{};
  header.type = kRndisPacket;
  header.message_bytes = message_bytes(frame_bytes);
  header.data_offset = kHeadBytes - kRndisOffsetBase;
  header.data_bytes = frame_bytes;
  header.info_offset = sizeof(header) - kRndisOffsetBase;
  header.info_bytes = kHeadBytes - sizeof(header);
  const RndisInfo info{header.info_bytes, kHashValue, sizeof(info)};
  const auto hash = static_cast<std::uint32_t>(flow);
  std::memcpy(out, &header, sizeof(header));
  std::memcpy(out + sizeof(header), &info, sizeof(info));
  std::memcpy(out + sizeof(header) + sizeof(info), &hash, sizeof(hash));
  for_each_word(record, frame_bytes, [&](std::uint32_t at, std::uint64_t word, std::size_t bytes) {
    std::memcpy(out + kHeadBytes + at, &word, bytes);
  });
}

bool read_message(const std::byte* message, std::uint32_t bytes, Frame& frame) {
  std::byte head[kMaxHeadBytes];
  const std::uint32_t head_bytes = std::min(bytes, kMaxHeadBytes);
  RndisPacketHeader header;
  if (head_bytes < sizeof(header)) return false;
  std::memcpy(head, message, head_bytes);
  std::memcpy(&header, head, sizeof(header));
  if (header.type != kRndisPacket || header.message_bytes != bytes) return false;
  if (header.oob_bytes != 0 || header.oob_elements != 0) return false;
  if (!is_frame_length(header.data_bytes) || !is_within(header.data_offset, header.data_bytes, bytes)) return false;
  frame = {header.data_offset + kRndisOffsetBase, header.data_bytes, 0};
  if (header.info_bytes == 0) return true;
  return is_within(header.info_offset, header.info_bytes, head_bytes) &&
         read_infos(head + header.info_offset + kRndisOffsetBase, header.info_bytes, frame.hash);
}

bool is_frame(const std::byte* frame, std::uint64_t record, std::uint32_t bytes) {
  bool same = true;
  for_each_word(record, bytes, [&](std::uint32_t at, std::uint64_t word, std::size_t word_bytes) {
    same = same && std::memcmp(frame + at, &word, word_bytes) == 0;
  });
  return same;
}

}  // namespace vmbsave::netvsp
