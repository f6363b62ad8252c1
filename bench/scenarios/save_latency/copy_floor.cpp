// A copy of every byte of the engine's image from where it lies to where it belongs, with all sizes and places known:
// what no save of these packets can beat by much.
#include <algorithm>
#include <cstring>
#include <new>

#include "base/clock.hpp"
#include "mem/mapping.hpp"
#include "save/plan.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/floor_layout.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/record.hpp"
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
        image_(mem::Mapping::reserve(layout_.image_bytes)) {
    if (!image_ || !image_.prefault(0, image_.size())) throw std::bad_alloc();
  }

  const char* name() const noexcept override { return "copy_floor"; }

  std::uint64_t save() override {
    const std::uint64_t start = base::now_ns();
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

 private:
  void copy() noexcept {
    for_each<&CopyFloor::copy_block>(layout_.blocks.size(), save::kBlocksAtOnce);
    for_each<&CopyFloor::copy_known>(layout_.streams.size(), 1);
    image::write_image_chunk(image_.data(), static_cast<std::uint32_t>(layout_.streams.size()), layout_.sources.size(),
                             layout_.image_bytes, false);
    image::write_end_chunk(image_.data() + layout_.image_bytes - image::kEndChunkBytes, false);
  }

  template <auto kFunction>
  void for_each(std::size_t count, std::size_t grain) noexcept {
    const auto body = [](void* self, std::size_t first, std::size_t last) noexcept {
      for (; first < last; ++first) (static_cast<CopyFloor*>(self)->*kFunction)(first);
    };
    if (executor_ == nullptr) {
      body(this, 0, count);
    } else {
      executor_->for_each(count, grain, body, this);
    }
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
    const image::LibBuf lib = lib_buf_of(*source.packet, source.state_bytes);
    std::byte* const end = record + lib.record_bytes;
    std::memset(end - image::kRecordAlignment, 0, image::kRecordAlignment);
    std::memcpy(record, &lib, sizeof lib);
    std::memcpy(record + sizeof lib, state_of(*source.packet), source.state_bytes);
    return end;
  }

  void fetch(std::size_t number) const noexcept {
    if (number >= layout_.sources.size()) return;
    const FloorLayout::Source& source = layout_.sources[number];
    const auto* const first = reinterpret_cast<const std::byte*>(source.packet);
    const std::byte* const end =
        first +
        std::min<std::size_t>(sizeof(packet::Packet) + VMBS_BLOB_STATE_OFFSET + source.state_bytes, prefetch_.bytes);
    for (const std::byte* at = first; at < end; at += base::kCacheLine) __builtin_prefetch(at);
  }

  void copy_known(std::size_t channel) noexcept {
    const FloorLayout::Stream& stream = layout_.streams[channel];
    const std::byte* const known = layout_.known.data() + stream.known;
    std::memcpy(image_.data() + stream.offset, known, image::kChannelChunkBytes);
    std::memcpy(image_.data() + stream.directory_offset, known + image::kChannelChunkBytes, stream.directory_bytes);
  }

  std::span<const std::byte> image() const { return {image_.data(), static_cast<std::size_t>(layout_.image_bytes)}; }

  Rig& rig_;
  Executor* const executor_;
  const FloorPrefetch prefetch_;
  const FloorLayout layout_;
  mem::Mapping image_;  // prefaulted
};

}  // namespace

std::unique_ptr<Implementation> make_copy_floor(Rig& rig, const RunOptions& options) {
  return make_tuned_copy_floor(rig, options, {});
}

std::unique_ptr<Implementation> make_tuned_copy_floor(Rig& rig, const RunOptions& options,
                                                      const FloorPrefetch& prefetch) {
  return std::make_unique<CopyFloor>(rig, options, prefetch);
}

}  // namespace vmbsave::bench
