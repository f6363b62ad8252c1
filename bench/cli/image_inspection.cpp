#include "cli/image_inspection.hpp"

namespace vmbsave::cli {
namespace {

using image::Chunk;
using image::ChunkKind;

class Inspector {
 public:
  Inspector(std::span<const std::byte> image, bool with_packets) : image_(image), with_packets_(with_packets) {}

  InspectedImage inspect() {
    while (found_.end < image_.size() && !ended_ && take_chunk()) continue;
    if (!ended_) note(RestoreFault::kMissingTail);
    close_channel();
    if (found_.end < image_.size()) note(RestoreFault::kTrailingBytes);
    // One that is missing alone is damage.
    found_.is_unsealed = unsealed_ != 0 && unsealed_ == chunks_;
    return std::move(found_);
  }

 private:
  void note(RestoreFault fault) noexcept {
    if (found_.damage == RestoreFault::kNone) found_.damage = fault;
  }

  // False: it cannot be read.
  bool take_chunk() {
    Chunk chunk;
    RestoreFault fault = image::read_chunk(image_.subspan(found_.end), chunk);
    if (fault == RestoreFault::kChecksum && chunk.header.checksum == 0) {
      ++unsealed_;
      fault = RestoreFault::kNone;
    }
    if (fault != RestoreFault::kNone) {
      note(fault);
      return false;
    }
    ++chunks_;
    if (chunk.kind() == ChunkKind::kChannel || chunk.kind() == ChunkKind::kEnd) close_channel();
    look_at(chunk);
    found_.end += chunk.bytes.size();
    return true;
  }

  void look_at(const Chunk& chunk) {
    switch (chunk.kind()) {
      case ChunkKind::kImage:
        return take_head(chunk);
      case ChunkKind::kChannel:
        open_channel(chunk);
        break;
      case ChunkKind::kBlock:
        take_packets(chunk);
        break;
      case ChunkKind::kDirectory:
        break;
      case ChunkKind::kEnd:
        ended_ = true;
        return;
      default:
        found_.unknown.push_back({found_.end, chunk.header.kind});
    }
    if (channel_ != nullptr) channel_->bytes += chunk.bytes.size();
  }

  void take_head(const Chunk& chunk) {
    InspectedImage::Head head{chunk.header.version, (chunk.header.required & image::kStreamed) != 0, {}};
    if (image::read_body(chunk, head.body)) found_.head = head;
  }

  void open_channel(const Chunk& chunk) {
    channel_ = &found_.channels.emplace_back();
    channel_->number = chunk.header.channel;
    channel_->at = found_.end;
    (void)image::read_body(chunk, channel_->head);
  }

  void take_packets(const Chunk& chunk) {
    std::uint64_t offset = sizeof(image::ChunkHeader);
    image::Record record;
    for (std::uint32_t i = 0; i < chunk.header.count && image::read_record(chunk, offset, record); ++i) {
      if (channel_ != nullptr) {
        ++channel_->packets;
        channel_->state_bytes += record.lib.save_bytes;
      }
      if (with_packets_) {
        auto& list = channel_ != nullptr ? channel_->packet_list : found_.loose;
        list.push_back({found_.end + offset, chunk.header.channel, record.lib});
      }
      offset += record.lib.record_bytes;
    }
  }

  void close_channel() noexcept {
    if (channel_ != nullptr && !channel_->is_whole()) note(RestoreFault::kCounts);
    channel_ = nullptr;
  }

  const std::span<const std::byte> image_;
  const bool with_packets_;
  InspectedImage found_;
  InspectedChannel* channel_ = nullptr;  // the one that is being read
  std::uint64_t chunks_ = 0;
  std::uint64_t unsealed_ = 0;
  bool ended_ = false;
};

}  // namespace

InspectedImage inspect_image(std::span<const std::byte> image, bool with_packets) {
  return Inspector(image, with_packets).inspect();
}

}  // namespace vmbsave::cli
