// prefetch.hpp: the packets of a block, fetched into the cache a few ahead of the one in work. Their objects lie all
// over the memory of their channels; waiting for each would be most of a save's time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/prefetch.hpp"
#include "packet/channel.hpp"
#include "save/plan.hpp"

namespace vmbsave::save {

class BlockPackets {
 public:
  BlockPackets() = default;
  BlockPackets(const BlockPackets&) = delete;

  // Looks up where they are; fetches none.
  template <class Channel>
  void find(const Channel& channel, const Plan& plan, const Block& block) noexcept {
    fetched_ = packets_;
    end_ = packets_ + block.count;
    packet::Packet** at = packets_;
    plan.for_each_word(block, [&](const CutWord& word) {
      packet::Packet* const* const slots = channel.slots() + word.index * sync::kSlotsPerWord;
      if (word.members == sync::kAllSlots) {
        at = std::copy_n(slots, sync::kSlotsPerWord, at);
      } else {
        sync::for_each_slot(word.members, [&](unsigned slot) { *at++ = slots[slot]; });
      }
    });
    const std::uint64_t lines = base::align_up(channel.config().context_bytes, kLine) / kLine;
    context_lines_ = std::min(kMostContextLines, lines);
  }
  void clear() noexcept { fetched_ = end_ = packets_; }

  // The next one that is not fetched; false: all are.
  bool prefetch_one() noexcept {
    if (fetched_ == end_) return false;
    const auto* const packet = reinterpret_cast<const std::byte*>(*fetched_++);
    base::prefetch(packet);
    if (context_lines_ == kMostContextLines) [[likely]] {
      fetch_context<kMostContextLines>(packet);
    } else {
      for (std::uint64_t line = 1; line <= context_lines_; ++line) base::prefetch(packet + line * kLine);
    }
    return true;
  }
  // As many as are fetched ahead of the packet in work. The block before has done so, unless it was shorter.
  void prefetch_first() noexcept {
    while (fetched_ < packets_ + kPacketsAhead && prefetch_one()) {
    }
  }

  // For each packet in work one more is fetched: of its own block, then the first ones of the next.
  void prefetch_ahead(BlockPackets& next) noexcept {
    if (!prefetch_one() && next.fetched_ < next.packets_ + kPacketsAhead) next.prefetch_one();
  }

  packet::Packet* const* begin() const noexcept { return packets_; }
  packet::Packet* const* end() const noexcept { return end_; }

 private:
  static constexpr std::uint64_t kLine = base::kCacheLine;
  static constexpr std::ptrdiff_t kPacketsAhead = 12;
  // Of the VSP's context: what lies behind them is fetched by the hardware, which sees a stream.
  static constexpr std::uint64_t kMostContextLines = 5;

  template <std::size_t kLines>
  static void fetch_context(const std::byte* packet) noexcept {
    [&]<std::size_t... kLine>(std::index_sequence<kLine...>) {
      (base::prefetch(packet + (kLine + 1) * base::kCacheLine), ...);
    }
    (std::make_index_sequence<kLines>());
  }

  packet::Packet* packets_[image::kBlockPackets];
  packet::Packet* const* end_ = packets_;
  packet::Packet* const* fetched_ = packets_;  // the first that is not
  std::uint64_t context_lines_ = 0;
};

}  // namespace vmbsave::save
