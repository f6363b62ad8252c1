// A copy of every byte of the engine's image from where it lies to where it belongs, with all sizes and places known:
// what no save of these packets can beat by much. It does what the engine found to pay: packets are fetched ahead, and
// each thread writes stretches of the image.
#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "base/prefetch.hpp"
#include "save/passes.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/floor_layout.hpp"
#include "scenarios/save_latency/image_memory.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "vsp/blob/blob.h"

namespace vmbsave::bench {
namespace {

const std::byte* state_of(const packet::Packet& packet) {
  return reinterpret_cast<const std::byte*>(&packet + 1) + VMBS_BLOB_STATE_OFFSET;
}

class CopyFloor final : public Implementation {
 public:
  CopyFloor(Rig& rig, const RunOptions& options, const FloorPrefetch& prefetch)
      : rig_(rig),
        executor_(options.executor),
        prefetch_(prefetch),
        layout_(rig),
        blocks_at_once_(blocks_at_once(layout_.blocks.size(), options.executor)),
        image_(layout_.image_bytes) {}

  const char* name() const noexcept override { return "copy_floor"; }

  std::uint64_t save() override {
    const std::uint64_t start = base::now_ns();
    image_.map_if_given_back();
    if (executor_ == nullptr) {
      copy();
    } else {
      executor_->wake();
      executor_->run([](void* self) noexcept { static_cast<CopyFloor*>(self)->copy(); }, this);
    }
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return layout_.image_bytes; }

  std::string difference() const override { return image_difference(rig_, image(), false); }

  std::vector<std::span<const std::byte>> image_memory() const override { return {image()}; }

  void forget() override { image_.give_back(); }

 private:
  // Of a thread's turn, so that each thread has some.
  static std::size_t blocks_at_once(std::size_t blocks, const Executor* executor) noexcept {
    constexpr std::size_t kMost = 64;
    const std::size_t threads = executor == nullptr ? 1 : executor->concurrency();
    return std::clamp<std::size_t>(blocks / (8 * threads), 1, kMost);
  }

  // Turns of blocks first, then the channels' known chunks.
  void copy() noexcept {
    const std::size_t turns = (layout_.blocks.size() + blocks_at_once_ - 1) / blocks_at_once_ + layout_.streams.size();
    const auto body = [](void* self, std::size_t first, std::size_t last) noexcept {
      for (; first < last; ++first) static_cast<CopyFloor*>(self)->copy_turn(first);
    };
    if (executor_ == nullptr) {
      body(this, 0, turns);
    } else {
      executor_->for_each(turns, 1, body, this);
    }
    image::write_image_chunk(image_.data(), static_cast<std::uint32_t>(layout_.streams.size()), layout_.sources.size(),
                             layout_.image_bytes, false);
    image::write_end_chunk(image_.data() + layout_.image_bytes - image::kEndChunkBytes, false);
  }

  void copy_turn(std::size_t turn) noexcept {
    const std::size_t first = turn * blocks_at_once_;
    if (first >= layout_.blocks.size()) {
      return copy_known(turn - (layout_.blocks.size() + blocks_at_once_ - 1) / blocks_at_once_);
    }
    const std::size_t last = std::min(first + blocks_at_once_, layout_.blocks.size());
    for (std::size_t block = first; block < last; ++block) copy_block(block);
  }

  void copy_block(std::size_t number) noexcept {
    const FloorLayout::Block& block = layout_.blocks[number];
    std::byte* record =
        image::open_chunk(image_.data() + block.offset, image::ChunkKind::kBlock, block.label, block.body_bytes);
    for (std::uint32_t i = block.first; i < block.first + block.label.count; ++i) {
      fetch(std::size_t{i} + prefetch_.packets);
      record = copy_packet(layout_.sources[i], record);
    }
  }

  // The state's end first: what it does not fill of its last 16 bytes stays zero.
  static std::byte* copy_packet(const FloorLayout::Source& source, std::byte* record) noexcept {
    const auto bytes = static_cast<std::uint32_t>(image::record_bytes(0, source.state_bytes));
    std::byte* const end = record + bytes;
    std::memset(end - image::kRecordAlignment, 0, image::kRecordAlignment);
    save::write_lib_buf(*source.packet, bytes, source.state_bytes, 0, record);
    std::memcpy(record + sizeof(image::LibBuf), state_of(*source.packet), source.state_bytes);
    return end;
  }

  void fetch(std::size_t number) const noexcept {
    if (number >= layout_.sources.size()) return;
    const FloorLayout::Source& source = layout_.sources[number];
    const auto* const first = reinterpret_cast<const std::byte*>(source.packet);
    const std::byte* const end =
        first +
        std::min<std::size_t>(sizeof(packet::Packet) + VMBS_BLOB_STATE_OFFSET + source.state_bytes, prefetch_.bytes);
    for (const std::byte* at = first; at < end; at += base::kCacheLine) base::prefetch(at);
  }

  void copy_known(std::size_t channel) noexcept {
    const FloorLayout::Stream& stream = layout_.streams[channel];
    const std::byte* const known = layout_.known.data() + stream.known;
    std::memcpy(image_.data() + stream.offset, known, image::kChannelChunkBytes);
    std::memcpy(image_.data() + stream.directory_offset, known + image::kChannelChunkBytes, stream.directory_bytes);
  }

  std::span<const std::byte> image() const {
    return {image_.data(), image_.size() == 0 ? 0 : static_cast<std::size_t>(layout_.image_bytes)};
  }

  Rig& rig_;
  Executor* const executor_;
  const FloorPrefetch prefetch_;
  const FloorLayout layout_;
  const std::size_t blocks_at_once_;
  ImageMemory image_;
};

}  // namespace

std::unique_ptr<Implementation> make_copy_floor(Rig& rig, const RunOptions& options) {
  return make_copy_floor_at(rig, options, {});
}

std::unique_ptr<Implementation> make_copy_floor_at(Rig& rig, const RunOptions& options, const FloorPrefetch& prefetch) {
  return std::make_unique<CopyFloor>(rig, options, prefetch);
}

}  // namespace vmbsave::bench
