// workers.hpp: the threads of a save. They take blocks of the plan, call SavePacket for their packets, and seal the
// channels that they finish.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "mem/arena.hpp"
#include "packet/vm.hpp"
#include "save/inside_callbacks.hpp"
#include "save/passes.hpp"
#include "save/plan.hpp"
#include "save/seal.hpp"
#include "vmbsave/executor.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::save {

// One save at a time: start, and then passes, one after the other. All calls from the thread that runs the save, unless
// a line says otherwise; the workers are inside pass() only.
template <template <class> class Atom>
class Workers {
 public:
  using Vm = packet::BasicVm<Atom>;
  using Channel = packet::BasicChannel<Atom>;

  // All must outlive this. session: whose callbacks the workers are inside; only its address is used.
  Workers(const void* session, const Vm& vm, Plan& plan, mem::Arena<Atom>& arena)
      : session_(session), vm_(vm), plan_(plan), arena_(arena) {}

  // Room for the blocks of so many channels. Throws std::bad_alloc.
  void prepare(std::size_t channels) {
    if (due_channels_ >= channels) return;
    due_ = std::make_unique<Due[]>(channels);
    due_channels_ = channels;
  }

  // A save begins. executor: nullptr for this thread alone. deadline and now: on the clock of now_ns; deadline 0: none.
  void start(const SaveOptions& options, Executor* executor, std::uint64_t deadline, std::uint64_t now) noexcept {
    executor_ = executor;
    threads_ = executor == nullptr ? 1 : executor->concurrency();
    in_budget_ = options.memory_budget != 0;
    checksum_ = options.checksum;
    deadline_ = deadline;
    failure_ = {};
    failed_.store_relaxed(0);
    lost_bytes_.store_relaxed(0);
    arrived_ns_.store_relaxed(0);
    saver_ = std::this_thread::get_id();
    started_ns_ = now;
  }

  // Every block of every channel is due.
  void reset_due() noexcept {
    for (std::uint32_t c = 0; c < plan_.streams.size(); ++c) reset_due(c);
  }
  void reset_due(std::uint32_t channel) noexcept { due_[channel].blocks.store_relaxed(plan_.streams[channel].blocks); }

  // Works on all blocks of the plan's units that are due. may_grow: a packet whose state outgrew its buffer is no
  // failure. memory: what the offsets of placed blocks count from; nullptr: the arena's, which may have moved.
  void pass(SavePhase phase, bool may_grow, std::byte* memory = nullptr) noexcept {
    memory_ = memory == nullptr ? arena_.data() : memory;
    phase_ = phase;
    may_grow_ = may_grow;
    grown_.store_relaxed(0);
    unplaced_.store_relaxed(0);
    next_unit_.store_relaxed(0);
    const std::size_t workers = std::min<std::size_t>(threads_, plan_.units.size());
    if (workers == 0) return;
    if (executor_ == nullptr) return work();
    executor_->for_each(
        workers, 1,
        [](void* self, std::size_t first, std::size_t last) noexcept {
          for (; first != last; ++first) static_cast<Workers*>(self)->work();
        },
        this);
  }

  // From any thread, for channels of its own.
  void seal_channel(std::uint32_t channel) noexcept {
    const Stream& stream = plan_.streams[channel];
    seal_stream(*vm_.channels()[channel], channel,
                {stream, plan_.blocks.data(), plan_.sequences.data() + stream.first_packet,
                 plan_.offsets.data() + stream.first_packet,
                 plan_.order_scratch.data() + 2 * std::size_t{stream.first_packet}, memory_, checksum_});
  }

  // Of this save: the first failure.
  const SaveFailure& failure() const noexcept { return failure_; }

  // Of the last pass: blocks that must be saved again, because a packet's state grew, and blocks that found no room.
  std::uint32_t grown() const noexcept { return grown_.load_relaxed(); }
  std::uint32_t unplaced() const noexcept { return unplaced_.load_relaxed(); }

  // Of the arena, in this save: what holds no chunk, or one of a block that was saved again.
  std::uint64_t lost_bytes() const noexcept { return lost_bytes_.load_relaxed(); }

  // From start until a second thread joined the work; UINT64_MAX: none did.
  std::uint64_t arrival_ns() const noexcept {
    const std::uint64_t arrived = arrived_ns_.load_relaxed();
    return arrived == 0 ? UINT64_MAX : arrived - started_ns_;
  }

 private:
  const Channel& channel_of(const Block& block) const noexcept { return *vm_.channels()[block.channel]; }

  // One worker: takes units until none is left. Whoever comes late, or never, is not waited for.
  void work() noexcept {
    const InsideCallbacks inside(session_);
    mem::Stretch<Atom> stretch = make_stretch();
    for (;;) {
      // relaxed: only the unit is claimed; the executor orders what was before the pass and what comes after it.
      const std::size_t unit = next_unit_.fetch_add_relaxed(1);
      if (unit >= plan_.units.size() || failed_.load_relaxed() != 0) break;
      note_arrival();
      run_blocks(plan_.units[unit].first_block, plan_.units[unit].last_block, stretch);
    }
    if (const std::uint64_t unused = stretch.close(); unused != 0) lost_bytes_.fetch_add_relaxed(unused);
  }

  // What a worker takes of the arena at a time. One alone takes all, and gives back what it does not need. What several
  // leave unused at the end is a sixteenth of it at most. A block at a time within a memory budget, which is for the
  // image.
  mem::Stretch<Atom> make_stretch() const noexcept {
    if (in_budget_) return {arena_, 0, 0};
    if (threads_ == 1) return {arena_, arena_.ready() - arena_.used(), UINT64_MAX};
    constexpr std::uint64_t kMost = 256u << 10;
    const std::uint64_t bytes = std::min(kMost, arena_.ready() / (std::uint64_t{16} * threads_));
    return {arena_, bytes, bytes / 8};
  }

  void run_blocks(std::uint32_t first, std::uint32_t last, mem::Stretch<Atom>& stretch) noexcept {
    BlockPackets packets[2];  // of this block and the next one, by turns
    packets[first % 2].find(channel_of(plan_.blocks[first]), plan_.blocks[first]);
    std::uint32_t channel = plan_.blocks[first].channel;
    std::uint32_t saved = 0;
    for (std::uint32_t b = first; b < last; ++b) {
      if (failed_.load_relaxed() != 0) return;
      BlockPackets& next = packets[(b + 1) % 2];
      next.clear();
      if (b + 1 < last) next.find(channel_of(plan_.blocks[b + 1]), plan_.blocks[b + 1]);
      Block& block = plan_.blocks[b];
      if (!block.due) continue;  // left out, or saved already
      packets[b % 2].prefetch_rest();
      const PassResult result = try_block(block, packets[b % 2], next, stretch);
      if (result.status != Status::kSuccess) {
        fail({result.status, phase_, block.channel, result.transaction_id});
        return;
      }
      if (result.grew) grown_.fetch_add_relaxed(1);
      if (block.due) continue;
      if (block.channel != channel) {
        finish(channel, saved);
        channel = block.channel;
        saved = 0;
      }
      ++saved;
    }
    finish(channel, saved);
  }

  PassResult try_block(Block& block, const BlockPackets& packets, BlockPackets& next,
                       mem::Stretch<Atom>& stretch) noexcept {
    if (deadline_ != 0 && base::now_ns() >= deadline_) return {.status = Status::kIoTimeout};
    try {
      return run_block(block, packets, next, stretch);
    } catch (...) {
      return {.status = Status::kUnhandledException};
    }
  }

  // So many more blocks of the channel are saved. Whoever saves its last one seals it, while its places are in the
  // cache.
  void finish(std::uint32_t channel, std::uint32_t saved) noexcept {
    if (saved == 0) return;
    // [finish] release: the blocks and places of this worker. acquire: those of the others, for the one who seals.
    if (due_[channel].blocks.fetch_sub_acq_rel(saved) == saved) seal_channel(channel);
  }

  PassResult run_block(Block& block, const BlockPackets& packets, BlockPackets& next, mem::Stretch<Atom>& stretch) {
    switch (phase_) {
      case SavePhase::kSize: {
        const PassResult result = size_block(channel_of(block), block, packets, 0, plan_.sizes.data());
        next.prefetch_rest();
        return result;
      }
      case SavePhase::kSave:
        return fill(block, packets, next);
      default:
        return size_and_fill(block, packets, next, stretch);
    }
  }

  // Each packet is sized and saved at once, into the room that the worker has; if that ends within the block, the other
  // packets are sized, and the block gets a place of its own.
  PassResult size_and_fill(Block& block, const BlockPackets& packets, BlockPackets& next, mem::Stretch<Atom>& stretch) {
    const auto [offset, room] = stretch.room();
    block.offset = offset;
    PassResult result = save<true>(block, packets, next, room);
    if (result.status != Status::kSuccess) return result;
    if (!result.ran_out) {
      if (!result.grew) (void)stretch.allocate(image::chunk_bytes(block.body_bytes));
      return result;
    }
    const PassResult sized = size_block(channel_of(block), block, packets, result.sized, plan_.sizes.data());
    if (sized.status != Status::kSuccess) return sized;
    if (result.grew) {
      block.saved = 0;
      return result;
    }
    const std::uint64_t place = stretch.allocate(image::chunk_bytes(block.body_bytes));
    if (place == mem::Arena<Atom>::kNoRoom) {
      stretch.keep(offset, block.saved_bytes);
      unplaced_.fetch_add_relaxed(1);
      return sized;
    }
    move_block(block, place, memory_);
    return fill(block, packets, next);
  }

  PassResult fill(Block& block, const BlockPackets& packets, BlockPackets& next) {
    const std::uint64_t bytes = image::chunk_bytes(block.body_bytes);
    const PassResult result = save<false>(block, packets, next, bytes);
    if (result.grew) lost_bytes_.fetch_add_relaxed(bytes);
    return result;
  }

  // kSizes: of save_block. room: bytes from the block's offset on.
  template <bool kSizes>
  PassResult save(Block& block, const BlockPackets& packets, BlockPackets& next, std::uint64_t room) {
    const Channel& channel = channel_of(block);
    return save_block<kSizes>({.config = channel.config(),
                               .block = block,
                               .packets = packets,
                               .next = next,
                               .sizes = plan_.sizes.data() + block.first,
                               .sequences = plan_.sequences.data() + block.first,
                               .offsets = plan_.offsets.data() + block.first,
                               .chunk = memory_ + block.offset,
                               .room = room,
                               .checksum = checksum_,
                               .may_grow = may_grow_},
                              channel.table().is_send_word(block.word));
  }

  // The first failure is the one that is reported.
  void fail(const SaveFailure& failure) noexcept {
    // relaxed: only one worker may write the failure; the executor's join publishes it.
    if (failed_.fetch_add_relaxed(1) == 0) failure_ = failure;
  }

  // When the second thread has come: that is what decides from how many packets on it pays.
  void note_arrival() noexcept {
    if (executor_ == nullptr || arrived_ns_.load_relaxed() != 0 || std::this_thread::get_id() == saver_) return;
    arrived_ns_.store_relaxed(base::now_ns());
  }

  const void* const session_;
  const Vm& vm_;
  Plan& plan_;
  mem::Arena<Atom>& arena_;
  struct alignas(base::kCacheLine) Due {
    Atom<std::uint32_t> blocks{};
  };
  std::unique_ptr<Due[]> due_;  // by channel: blocks that are not saved yet
  std::size_t due_channels_ = 0;
  Executor* executor_ = nullptr;
  unsigned threads_ = 1;
  bool in_budget_ = false;
  bool checksum_ = false;
  bool may_grow_ = false;
  SavePhase phase_ = SavePhase::kPass;
  std::uint64_t deadline_ = 0;
  std::uint64_t started_ns_ = 0;
  std::byte* memory_ = nullptr;
  std::thread::id saver_;  // the thread that called start
  SaveFailure failure_;
  alignas(base::kCacheLine) Atom<std::size_t> next_unit_{};  // the first that no worker has taken yet
  alignas(base::kCacheLine) Atom<std::uint32_t> failed_{};   // not 0: the others start no further block
  Atom<std::uint32_t> grown_{};
  Atom<std::uint32_t> unplaced_{};
  Atom<std::uint64_t> lost_bytes_{};
  Atom<std::uint64_t> arrived_ns_{};  // 0: no second thread has joined
};

}  // namespace vmbsave::save
