// prefetch.hpp: the packets of a block, fetched into the cache while those of the block before are saved. Their objects
// lie all over the memory of their channels; waiting for each would be most of a save's time.
#pragma once

#include <utility>

#include "base/prefetch.hpp"
#include "packet/channel.hpp"
#include "save/plan.hpp"

namespace vmbsave::save {

class BlockPackets {
 public:
  // Looks up where they are; fetches none.
  template <class Channel>
  void find(const Channel& channel, const Block& block) noexcept {
    packet::Packet* const* const slots = channel.slots() + block.word * sync::kSlotsPerWord;
    clear();
    sync::for_each_slot(block.members, [&](unsigned slot) { packets_[count_++] = slots[slot]; });
    const std::uint64_t lines = base::align_up(channel.config().context_bytes, kLine) / kLine;
    context_lines_ = std::min(kMostContextLines, lines);
  }
  void clear() noexcept { count_ = fetched_ = 0; }

  void prefetch_one() noexcept {
    if (fetched_ == count_) return;
    const auto* const packet = reinterpret_cast<const std::byte*>(packets_[fetched_++]);
    base::prefetch(packet);
    if (context_lines_ == kMostContextLines) [[likely]] {
      fetch_context<kMostContextLines>(packet);
    } else {
      for (std::uint64_t line = 1; line <= context_lines_; ++line) base::prefetch(packet + line * kLine);
    }
  }
  void prefetch_rest() noexcept {
    while (fetched_ != count_) prefetch_one();
  }

  packet::Packet* const* begin() const noexcept { return packets_; }
  packet::Packet* const* end() const noexcept { return packets_ + count_; }

 private:
  static constexpr std::uint64_t kLine = base::kCacheLine;
  // Of the VSP's context: what lies behind them is fetched by the hardware, which sees a stream.
  static constexpr std::uint64_t kMostContextLines = 5;

  template <std::size_t kLines>
  static void fetch_context(const std::byte* packet) noexcept {
    [&]<std::size_t... kLine>(std::index_sequence<kLine...>) {
      (base::prefetch(packet + (kLine + 1) * base::kCacheLine), ...);
    }
    (std::make_index_sequence<kLines>());
  }

  packet::Packet* packets_[sync::kSlotsPerWord];
  unsigned count_ = 0;
  unsigned fetched_ = 0;
  std::uint64_t context_lines_ = 0;
};

}  // namespace vmbsave::save
