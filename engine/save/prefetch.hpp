// prefetch.hpp: fetches the packets of the next block while those of the present one are saved. Their objects lie all
// over the memory of their channels; waiting for each would be most of a save's time.
#pragma once

#include "packet/channel.hpp"
#include "save/plan.hpp"

namespace vmbsave::save {

// The packets of one block, fetched one a step.
class Ahead {
 public:
  Ahead() noexcept = default;

  template <class Channel>
  Ahead(const Channel& channel, const Block& block) noexcept
      : packets_(channel.slots() + block.word * sync::kSlotsPerWord),
        left_(block.members),
        lines_(lines_of(channel.config().context_bytes)) {}

  void step() noexcept {
    if (left_ == 0) return;
    const auto* const line = reinterpret_cast<const std::byte*>(packets_[sync::first_slot(left_)]);
    __builtin_prefetch(line);
    if (lines_ > 1) __builtin_prefetch(line + base::kCacheLine);
    if (lines_ > 2) __builtin_prefetch(line + 2 * base::kCacheLine);
    if (lines_ > 3) {
      for (unsigned i = 3; i < lines_; ++i) __builtin_prefetch(line + i * base::kCacheLine);
    }
    left_ &= left_ - 1;
  }
  void finish() noexcept {
    while (left_ != 0) step();
  }

 private:
  // The packet's own line, and the first ones of the VSP's context: what lies behind them is fetched by the hardware,
  // which sees a stream.
  static constexpr unsigned kMostLines = 6;
  static unsigned lines_of(std::uint32_t context_bytes) noexcept {
    const std::uint64_t context_lines = base::align_up(context_bytes, base::kCacheLine) / base::kCacheLine;
    return 1 + static_cast<unsigned>(std::min<std::uint64_t>(context_lines, kMostLines - 1));
  }

  packet::Packet* const* packets_ = nullptr;
  SlotSet left_ = 0;
  unsigned lines_ = 0;
};

}  // namespace vmbsave::save
