// cut.hpp: the instant that a save describes. Freezes every word of every channel of a VM, waits for slots in transit,
// and at the end thaws them and delivers what completed meanwhile. The only part of a save that VSP threads meet.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/vm.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::save {

using sync::SlotSet;
using sync::SlotState;

// A word that was not empty when it was frozen. An empty one stays so: nothing is claimed in a frozen word.
struct CutWord {
  std::uint32_t channel;
  std::uint32_t index;
  std::uint64_t frozen;  // its value at the freeze
  SlotSet members;       // the slots that the save describes
};

template <template <class> class Atom>
class Cut {
 public:
  using Vm = packet::BasicVm<Atom>;
  using Channel = packet::BasicChannel<Atom>;

  // Room for every word, so that nothing allocates between the cut and the thaw. May throw std::bad_alloc.
  void prepare(const Vm& vm) {
    words_.clear();
    std::size_t count = 0;
    for (const Channel* channel : vm.channels()) count += channel->table().words();
    words_.reserve(count);
    moving_.clear();
    moving_.reserve(count);
  }

  // The cut: opens the epoch and freezes. Wait-free a word.
  void freeze(Vm& vm) noexcept {
    vm.control().open_epoch();
    for (std::uint32_t c = 0; c < vm.channels().size(); ++c) {
      auto& table = vm.channels()[c]->table();
      for (std::uint32_t w = 0; w < table.words(); ++w) {
        const std::uint64_t frozen = table.freeze(w);
        if (frozen == 0) continue;
        if (sync::slots_in_transit(frozen) != 0) [[unlikely]]
          moving_.push_back(static_cast<std::uint32_t>(words_.size()));
        words_.push_back({c, w, frozen, sync::slots_at_rest(frozen)});
      }
    }
  }

  // Completes the set of packets, and waits until the VSP has seen each. False: give_up() said so; thaw is still due.
  template <class GiveUp>
  bool await_transit(Vm& vm, GiveUp&& give_up) noexcept {
    for (const std::uint32_t moving : moving_) {
      CutWord& word = words_[moving];
      auto& table = vm.channels()[word.channel]->table();
      if (!table.await_transit(word.index, word.frozen, word.members, give_up)) return false;
    }
    for (const Channel* channel : vm.channels()) {
      if (!channel->await_indication(give_up)) return false;
    }
    return true;
  }

  // Closes the epoch first, then thaws word by word. Gives the number of completions delivered.
  std::uint64_t thaw(Vm& vm, EndMode mode) noexcept {
    vm.control().close_epoch();
    std::uint64_t delivered = 0;
    auto used = words_.cbegin();
    for (std::uint32_t c = 0; c < vm.channels().size(); ++c) {
      Channel& channel = *vm.channels()[c];
      const bool discard = mode == EndMode::kDiscard || channel.discard_on_end.load_relaxed();
      for (std::uint32_t w = 0; w < channel.table().words(); ++w) {
        if (used == words_.cend() || used->channel != c || used->index != w) {
          (void)channel.table().thaw(w);
        } else if (discard) {
          channel.clear_word((used++)->index);
        } else {
          delivered += resume(channel, *used++);
        }
      }
    }
    return delivered;
  }

  // The words in use, in order of channels and of slots.
  const std::vector<CutWord>& words() const noexcept { return words_; }

 private:
  std::uint64_t resume(Channel& channel, const CutWord& word) noexcept {
    auto& table = channel.table();
    const std::uint64_t old = table.thaw(word.index);
    const std::uint32_t base = word.index * sync::kSlotsPerWord;
    std::uint64_t delivered = 0;
    // Done, but not at the freeze: taken while frozen, so ours. Done at the freeze belongs to a thread that a deadline
    // left in transit.
    const SlotSet ours = sync::slots_in(old, SlotState::kDone) & ~sync::slots_in(word.frozen, SlotState::kDone);
    if (ours != 0) channel.deliver_and_release(word.index, ours);
    delivered += sync::count_slots(ours);
    sync::for_each_slot(sync::slots_in(old, SlotState::kDeferred), [&](unsigned slot) {
      if (!table.take_deferred(base + slot)) return;  // its completer took it back after a deadline
      channel.deliver_and_release(base + slot);
      ++delivered;
    });
    return delivered;
  }

  std::vector<CutWord> words_;
  std::vector<std::uint32_t> moving_;  // of them, those with slots in transit
};

}  // namespace vmbsave::save
