// image_inspection.hpp: what an image holds, chunk by chunk, up to its end or to the first chunk that cannot be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "image/chunk_reader.hpp"
#include "vmbsave/restore.hpp"

namespace vmbsave::cli {

struct InspectedPacket {
  std::uint64_t at = 0;  // byte
  std::uint32_t channel = 0;
  image::LibBuf lib{};
};

struct InspectedChannel {
  std::uint32_t number = 0;
  std::uint64_t at = 0;
  image::ChannelBody head{};
  std::uint64_t packets = 0;  // found, as the two below
  std::uint64_t state_bytes = 0;
  std::uint64_t bytes = 0;
  std::vector<InspectedPacket> packet_list;  // if they were asked for

  bool has_more_than_its_head_says() const noexcept { return packets > head.packets || bytes > head.stream_bytes; }
  bool is_whole() const noexcept { return packets == head.packets && bytes == head.stream_bytes; }
};

// A chunk of a kind that this version does not have.
struct UnknownChunk {
  std::uint64_t at = 0;
  std::uint32_t kind = 0;
};

struct InspectedImage {
  struct Head {
    std::uint32_t version = 0;
    bool is_streamed = false;
    image::ImageBody body{};
  };
  std::optional<Head> head;
  std::vector<InspectedChannel> channels;
  std::vector<InspectedPacket> loose;  // before any channel
  std::vector<UnknownChunk> unknown;
  RestoreFault damage = RestoreFault::kNone;  // beside checksums: the first thing that is wrong
  std::uint64_t end = 0;                      // of the last chunk that could be read
  bool is_unsealed = false;                   // the save has left all checksums out
};

InspectedImage inspect_image(std::span<const std::byte> image, bool with_packets);

}  // namespace vmbsave::cli
