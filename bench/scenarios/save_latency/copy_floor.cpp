// A copy of every byte of the engine's image from where it lies to where it belongs, with all sizes and places known:
// what no save of these packets can beat by much. It does what the engine found to pay: packets are fetched ahead, and
// each thread writes stretches of the image. The contract's floor does the same, but has the VSP copy the states, by
// the two calls that the contract asks for: what no save that keeps to it can beat by much.
#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "base/prefetch.hpp"
#include "exec/lanes.hpp"
#include "kmcl/vm.hpp"
#include "save/passes.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/floor_layout.hpp"
#include "scenarios/save_latency/image_memory.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/save_latency/two_calls.hpp"
#include "scenarios/vm/machine.hpp"
#include "vsp/blob/blob.h"

namespace vmbsave::bench {
namespace {

// How a state comes into its record.
struct ByCopy {
  static constexpr const char* kName = "copy_floor";

  static constexpr bool kCalls = false;

  // Gives its bytes.
  static std::uint32_t save(const packet::ChannelConfig&, const FloorLayout::Source& source,
                            std::byte* state) noexcept {
    const auto* const context = reinterpret_cast<const std::byte*>(source.packet + 1);
    std::memcpy(state, context + VMBS_BLOB_STATE_OFFSET, source.state_bytes);
    return source.state_bytes;
  }
};

struct ByTwoCalls {
  static constexpr const char* kName = "contract_floor";

  static constexpr bool kCalls = true;

  // Throws CheckFailed if a call fails, or if the state has no room in the place that was foreseen.
  static std::uint32_t save(const packet::ChannelConfig& channel, const FloorLayout::Source& source, std::byte* state) {
    const VMBPACKET packet = packet::to_handle(source.packet);
    const std::uint32_t size = size_state(channel, packet);
    if (size > source.state_bytes) [[unlikely]]
      throw CheckFailed(fmt::format("a state of {} bytes, {} were foreseen", size, source.state_bytes));
    return size == 0 ? 0 : save_state(channel, packet, state, size);
  }
};

template <class State>
class CopyFloor final : public Implementation {
 public:
  CopyFloor(Rig& rig, const RunOptions& options, const FloorPrefetch& prefetch)
      : rig_(rig),
        // Turns of one channel are on several threads, which not every channel's callbacks may be.
        executor_(State::kCalls && !rig.point().concurrent_callbacks ? nullptr : options.executor),
        prefetch_(prefetch),
        layout_(rig),
        blocks_at_once_(blocks_at_once(layout_.blocks.size(), executor_)),
        image_(layout_.image_bytes) {
    lanes_.prepare(executor_ == nullptr ? 1 : executor_->concurrency());
  }

  const char* name() const noexcept override { return State::kName; }

  std::uint64_t save() override {
    const std::uint64_t start = base::now_ns();
    image_.map_if_given_back();
    failed_.store_relaxed(0);
    if (executor_ == nullptr) {
      copy();
    } else {
      executor_->wake();
      executor_->run([](void* self) noexcept { static_cast<CopyFloor*>(self)->copy(); }, this);
    }
    if (failed_.load_relaxed() != 0) std::rethrow_exception(error_);
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return layout_.image_bytes; }

  std::string difference() const override { return image_difference(rig_, image(), false); }

  std::vector<std::span<const std::byte>> image_memory() const override { return {image()}; }

  void forget() override { image_.give_back(); }

 private:
  // Of a thread's turn, so that each thread has some.
  static std::size_t blocks_at_once(std::size_t blocks, const Executor* executor) noexcept {
    constexpr std::size_t kMost = 21;
    const std::size_t threads = executor == nullptr ? 1 : executor->concurrency();
    return std::clamp<std::size_t>(blocks / (8 * threads), 1, kMost);
  }

  // Turns of blocks first, then the channels' known chunks; dealt to the threads as the engine deals its own.
  void copy() noexcept {
    const std::size_t turns = (layout_.blocks.size() + blocks_at_once_ - 1) / blocks_at_once_ + layout_.streams.size();
    const unsigned threads = executor_ == nullptr ? 1 : executor_->concurrency();
    lanes_.deal(turns, threads);
    dealer_ = std::this_thread::get_id();
    const auto body = [](void* self, std::size_t first, std::size_t last) noexcept {
      for (; first != last; ++first) static_cast<CopyFloor*>(self)->work();
    };
    if (executor_ == nullptr) {
      body(this, 0, 1);
    } else {
      executor_->for_each(threads, 1, body, this);
    }
    image::write_image_chunk(image_.data(), static_cast<std::uint32_t>(layout_.streams.size()), layout_.sources.size(),
                             layout_.image_bytes, false);
    image::write_end_chunk(image_.data() + layout_.image_bytes - image::kEndChunkBytes, false);
  }

  void work() noexcept {
    unsigned lane = lanes_.enter(std::this_thread::get_id() == dealer_);
    for (std::size_t turn; (turn = lanes_.claim(lane)) != exec::Lanes<base::Atomic>::kNone;) try_turn(turn);
  }

  void try_turn(std::size_t turn) noexcept {
    try {
      copy_turn(turn);
    } catch (...) {
      // relaxed: only one writes the error; the executor's join publishes it.
      if (failed_.fetch_add_relaxed(1) == 0) error_ = std::current_exception();
    }
  }

  void copy_turn(std::size_t turn) {
    const std::size_t first = turn * blocks_at_once_;
    if (first >= layout_.blocks.size()) {
      return copy_known(turn - (layout_.blocks.size() + blocks_at_once_ - 1) / blocks_at_once_);
    }
    const std::size_t last = std::min(first + blocks_at_once_, layout_.blocks.size());
    for (std::size_t block = first; block < last; ++block) copy_block(block);
  }

  void copy_block(std::size_t number) {
    const FloorLayout::Block& block = layout_.blocks[number];
    const packet::ChannelConfig& channel = rig_.machine().vm(0).channels().channels()[block.label.channel]->config();
    std::byte* record =
        image::open_chunk(image_.data() + block.offset, image::ChunkKind::kBlock, block.label, block.body_bytes);
    for (std::uint32_t i = block.first; i < block.first + block.label.count; ++i) {
      fetch(std::size_t{i} + prefetch_.packets);
      record = copy_packet(channel, layout_.sources[i], record);
    }
  }

  // The state's end first: what it does not fill of its last 16 bytes stays zero.
  static std::byte* copy_packet(const packet::ChannelConfig& channel, const FloorLayout::Source& source,
                                std::byte* record) {
    const auto bytes = static_cast<std::uint32_t>(image::record_bytes(0, source.state_bytes));
    std::byte* const end = record + bytes;
    std::memset(end - image::kRecordAlignment, 0, image::kRecordAlignment);
    const std::uint32_t used = State::save(channel, source, record + sizeof(image::LibBuf));
    save::write_lib_buf(*source.packet, bytes, used, 0, record);
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
  exec::Lanes<base::Atomic> lanes_;  // of turns
  std::thread::id dealer_;
  base::Atomic<unsigned> failed_{};
  std::exception_ptr error_;  // of the turn that failed first
};

}  // namespace

std::unique_ptr<Implementation> make_copy_floor(Rig& rig, const RunOptions& options) {
  return make_copy_floor_at(rig, options, {});
}

std::unique_ptr<Implementation> make_copy_floor_at(Rig& rig, const RunOptions& options, const FloorPrefetch& prefetch) {
  return std::make_unique<CopyFloor<ByCopy>>(rig, options, prefetch);
}

std::unique_ptr<Implementation> make_contract_floor(Rig& rig, const RunOptions& options) {
  return std::make_unique<CopyFloor<ByTwoCalls>>(rig, options, FloorPrefetch{});
}

}  // namespace vmbsave::bench
