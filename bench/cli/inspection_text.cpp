#include "cli/inspection_text.hpp"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

namespace vmbsave::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string engine_version(const image::ImageBody& body) {
  return fmt::format("{}.{}.{}", body.engine_version >> 16, body.engine_version >> 8 & 0xFF,
                     body.engine_version & 0xFF);
}

// Nothing that steers a terminal.
std::string producer(const image::ImageBody& body) {
  std::string text(body.producer, strnlen(body.producer, sizeof body.producer));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

std::string head_text(const InspectedImage::Head& head) {
  const image::ImageBody& body = head.body;
  const std::string length = head.is_streamed ? "streamed" : fmt::format("{} bytes", body.bytes);
  return fmt::format("version {}, {} channels, {} packets, {}; engine {}, page size {}, producer \"{}\"\n",
                     head.version, body.channels, body.packets, length, engine_version(body), body.page_size,
                     producer(body)) +
         fmt::format("{:>8} {:>12} {:>8} {:>8} {:>12} {:>12} {:>10}\n", "channel", "at byte", "packets", "blocks",
                     "state bytes", "bytes", "capacity");
}

bool awaits_completion(const image::LibBuf& lib) { return (lib.flags & image::kLibBufCompletionRequested) != 0; }
bool is_queued(const image::LibBuf& lib) { return (lib.flags & image::kLibBufQueued) != 0; }

std::string packet_text(const InspectedPacket& packet) {
  const image::LibBuf& lib = packet.lib;
  std::string text = fmt::format(
      "  packet at byte {}: channel {}, transaction {}, sequence {}, {}{}{}, {} bytes of state", packet.at,
      packet.channel, lib.transaction_id, lib.sequence, lib.direction == 0 ? "incoming" : "outgoing",
      awaits_completion(lib) ? ", awaits a completion" : "", is_queued(lib) ? ", queued" : "", lib.save_bytes);
  return text + (lib.payload_bytes != 0 ? fmt::format(", {} of payload\n", lib.payload_bytes) : "\n");
}

std::string channel_text(const InspectedChannel& channel) {
  const image::ChannelBody& head = channel.head;
  std::string text = fmt::format("{:>8} {:>12} {:>8} {:>8} {:>12} {:>12} {:>10}\n", channel.number, channel.at,
                                 channel.packets, head.blocks, channel.state_bytes, channel.bytes, head.capacity);
  if (channel.has_more_than_its_head_says()) {
    text += fmt::format("         its header says fewer than there are: {} packets and {} bytes\n", head.packets,
                        head.stream_bytes);
  } else if (!channel.is_whole()) {
    text += fmt::format("         not whole: {} packets and {} bytes are missing\n", head.packets - channel.packets,
                        head.stream_bytes - channel.bytes);
  }
  for (const InspectedPacket& packet : channel.packet_list) text += packet_text(packet);
  return text;
}

Json packet_json(const InspectedPacket& packet) {
  const image::LibBuf& lib = packet.lib;
  return {{"at", packet.at},
          {"transaction", lib.transaction_id},
          {"sequence", lib.sequence},
          {"incoming", lib.direction == 0},
          {"awaits_completion", awaits_completion(lib)},
          {"queued", is_queued(lib)},
          {"state_bytes", lib.save_bytes},
          {"payload_bytes", lib.payload_bytes}};
}

Json channel_json(const InspectedChannel& channel) {
  Json json = {{"number", channel.number},           {"at", channel.at},
               {"packets", channel.packets},         {"blocks", channel.head.blocks},
               {"state_bytes", channel.state_bytes}, {"bytes", channel.bytes},
               {"capacity", channel.head.capacity},  {"whole", channel.is_whole()}};
  for (const InspectedPacket& packet : channel.packet_list) json["packet_list"].push_back(packet_json(packet));
  return json;
}

Json head_json(const InspectedImage::Head& head) {
  const image::ImageBody& body = head.body;
  return {{"version", head.version},        {"channels", body.channels},
          {"packets", body.packets},        {"bytes", head.is_streamed ? Json() : Json(body.bytes)},
          {"engine", engine_version(body)}, {"page_size", body.page_size},
          {"producer", producer(body)}};
}

}  // namespace

std::string inspection_text(const InspectedImage& found) {
  std::string text = found.head ? head_text(*found.head) : "";
  for (const InspectedPacket& packet : found.loose) text += packet_text(packet);
  for (const InspectedChannel& channel : found.channels) text += channel_text(channel);
  for (const UnknownChunk& chunk : found.unknown) {
    text += fmt::format("byte {}: a chunk of kind {}, which version 1 does not have\n", chunk.at, chunk.kind);
  }
  return text;
}

Json inspection_json(const InspectedImage& found) {
  Json json = {{"schema", "vmbsave-inspect-1"},
               {"head", found.head ? head_json(*found.head) : Json()},
               {"channels", Json::array()},
               {"read_bytes", found.end},
               {"checksums", !found.is_unsealed}};
  for (const InspectedChannel& channel : found.channels) json["channels"].push_back(channel_json(channel));
  return json;
}

}  // namespace vmbsave::cli
