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
#include "exec/lanes.hpp"
#include "mem/arena.hpp"
#include "packet/vm.hpp"
#include "save/course.hpp"
#include "save/inside_callbacks.hpp"
#include "save/passes.hpp"
#include "save/plan.hpp"
#include "save/seal.hpp"
#include "save/seal_observer.hpp"
#include "save/stop.hpp"
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

  // Room for the blocks of so many channels, and for so many threads. Throws std::bad_alloc.
  void prepare(std::size_t channels, unsigned threads) {
    lanes_.prepare(threads);
    if (due_channels_ >= channels) return;
    due_ = std::make_unique<Due[]>(channels);
    due_channels_ = channels;
  }

  // A save begins. executor: nullptr for this thread alone. now: on the clock of now_ns. observer: nullptr, or who is
  // told of sealed channels.
  void start(const SaveOptions& options, Executor* executor, const Stop& stop, std::uint64_t now,
             SealObserver* observer = nullptr) noexcept {
    observer_ = observer;
    executor_ = executor;
    threads_ = executor == nullptr ? 1 : std::min(executor->concurrency(), lanes_.room());
    in_budget_ = options.memory_budget != 0;
    checksum_ = options.checksum;
    stop_ = stop;
    failure_ = {};
    failed_.store_relaxed(0);
    lost_bytes_.store_relaxed(0);
    arrived_ns_.store_relaxed(0);
    stopped_ns_.store_relaxed(kNever);
    late_blocks_.store_relaxed(0);
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
    if (plan_.units.empty()) return;
    lanes_.deal(plan_.units.size(), workers());
    dealer_ = std::this_thread::get_id();
    if (executor_ == nullptr) return work();
    executor_->for_each(
        workers(), 1,
        [](void* self, std::size_t first, std::size_t last) noexcept {
          for (; first != last; ++first) static_cast<Workers*>(self)->work();
        },
        this);
  }

  // The channels that have no block. memory: as of pass.
  void seal_empty(std::byte* memory) noexcept {
    memory_ = memory;
    for (std::uint32_t c = 0; c < plan_.streams.size(); ++c) {
      if (plan_.streams[c].blocks == 0) seal_and_tell(c);
    }
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

  // Of this save: whether some worker has seen that it has to stop, and how many blocks began all the same: by workers
  // that looked after that, or were the ones who saw it.
  bool stopped() const noexcept { return stopped_ns_.load_relaxed() != kNever; }
  std::uint64_t blocks_after_stop() const noexcept { return late_blocks_.load_relaxed(); }

  // Of the last pass: blocks that must be saved again, because a packet's state grew, and blocks that found no room.
  std::uint32_t grown() const noexcept { return grown_.load_relaxed(); }
  std::uint32_t unplaced() const noexcept { return unplaced_.load_relaxed(); }

  // Of the arena, in this save: what holds no chunk, or one of a block that was saved again.
  std::uint64_t lost_bytes() const noexcept { return lost_bytes_.load_relaxed(); }

  // Of the arena, beyond an image of so many bytes: what the last stretches of so many threads leave unused at most.
  static constexpr std::uint64_t room_for_stretches(std::uint64_t image_bytes, unsigned threads) noexcept {
    return threads == 1 ? 0 : threads * stretch_bytes(image_bytes, threads);
  }
  std::uint64_t room_for_stretches(std::uint64_t image_bytes) const noexcept {
    return in_budget_ ? 0 : room_for_stretches(image_bytes, workers());
  }

  // Threads that have work in a pass: no unit is divided.
  unsigned workers() const noexcept {
    return static_cast<unsigned>(std::min<std::size_t>(threads_, std::max<std::size_t>(plan_.units.size(), 1)));
  }

  // From start until a second thread joined the work; UINT64_MAX: none did.
  std::uint64_t arrival_ns() const noexcept {
    const std::uint64_t arrived = arrived_ns_.load_relaxed();
    return arrived == 0 ? UINT64_MAX : arrived - started_ns_;
  }

 private:
  static constexpr std::uint64_t stretch_bytes(std::uint64_t arena_bytes, unsigned workers) noexcept {
    constexpr std::uint64_t kSmallest = 256u << 10;
    constexpr std::uint64_t kLargest = 1u << 20;
    return std::clamp(arena_bytes / (std::uint64_t{24} * workers), kSmallest, kLargest);
  }

  const Channel& channel_of(const Block& block) const noexcept { return *vm_.channels()[block.channel]; }

  // What a worker has of the arena.
  struct Ground {
    mem::Stretch<Atom> stretch;
    Zeroed zeroed;
  };

  // One worker: takes blocks until none is left. Whoever comes late, or never, is not waited for.
  void work() noexcept {
    const InsideCallbacks inside(session_);
    Ground ground{make_stretch(), {}};
    Course<Atom> course(plan_, lanes_, lanes_.enter(std::this_thread::get_id() == dealer_));
    run_blocks(course, ground);
    if (const std::uint64_t unused = ground.stretch.close(); unused != 0) lost_bytes_.fetch_add_relaxed(unused);
  }

  // What a worker takes of the arena at a time. One alone takes all, and gives back what it does not need. What several
  // leave unused behind their last blocks is in the arena's reserve (room_for_stretches); what lies behind the last
  // blocks of earlier stretches, some half a block each, in its tenth. A block at a time within a memory budget, which
  // is for the image.
  mem::Stretch<Atom> make_stretch() const noexcept {
    if (in_budget_) return {arena_, 0, 0};
    if (workers() == 1) return {arena_, arena_.ready() - arena_.used(), UINT64_MAX};
    const std::uint64_t bytes = stretch_bytes(arena_.ready(), workers());
    return {arena_, bytes, bytes / 6};
  }

  void run_blocks(Course<Atom>& course, Ground& ground) noexcept {
    BlockPackets packets[2];  // of this block and the next one, by turns
    unsigned turn = 0;
    std::uint32_t saved = 0;
    Block* block = nullptr;
    while (failed_.load_relaxed() == 0) {
      if (block == nullptr) {
        block = course.next();
        if (block == nullptr) return;
        note_arrival();
        packets[turn].find(channel_of(*block), plan_, *block);
      }
      Block* const next = course.next_ahead();
      BlockPackets& ahead = packets[turn ^ 1];
      ahead.clear();
      if (next != nullptr) ahead.find(channel_of(*next), plan_, *next);
      packets[turn].prefetch_first();
      const PassResult result = try_block(*block, packets[turn], ahead, ground);
      if (result.status != Status::kSuccess) {
        fail({result.status, phase_, block->channel, result.transaction_id});
        return;
      }
      if (result.grew) grown_.fetch_add_relaxed(1);
      if (!block->due) ++saved;
      if (next == nullptr || next->channel != block->channel) {
        finish(block->channel, saved);
        saved = 0;
      }
      block = next;
      turn ^= 1;
    }
  }

  PassResult try_block(Block& block, BlockPackets& packets, BlockPackets& next, Ground& ground) noexcept {
    if (stop_.possible()) {
      const Look look = look_at_stop();
      if (look.status != Status::kSuccess) return {.status = look.status};
      note_begin(look);
    }
    try {
      return run_block(block, packets, next, ground);
    } catch (...) {
      return {.status = Status::kUnhandledException};
    }
  }

  static constexpr std::uint64_t kNever = UINT64_MAX;

  // Whether the save has to stop, and when somebody looked: kNever, later than any stop, where it has to.
  struct Look {
    Status status;
    std::uint64_t at_ns;
  };

  // Before a block.
  [[gnu::noinline]] Look look_at_stop() noexcept {
    const std::uint64_t now = base::now_ns();
    const Status status = stop_.at(now);
    if (status == Status::kSuccess) return {status, now};
    std::uint64_t never = kNever;
    (void)stopped_ns_.compare_exchange_relaxed(never, base::now_ns());
    return {status, kNever};
  }

  // A block begins after that look. What counts is when its worker looked: a stop that another one has seen since then
  // is none that it could have seen.
  void note_begin(const Look& look) noexcept {
    if (stopped_ns_.load_relaxed() < look.at_ns) late_blocks_.fetch_add_relaxed(1);
  }

  // So many more blocks of the channel are saved. Whoever saves its last one seals it, while its places are in the
  // cache.
  void finish(std::uint32_t channel, std::uint32_t saved) noexcept {
    if (saved == 0) return;
    // [finish] release: the blocks and places of this worker. acquire: those of the others, for the one who seals.
    if (due_[channel].blocks.fetch_sub_acq_rel(saved) == saved) seal_and_tell(channel);
  }

  void seal_and_tell(std::uint32_t channel) noexcept {
    seal_channel(channel);
    if (observer_ != nullptr) observer_->sealed(channel);
  }

  PassResult run_block(Block& block, BlockPackets& packets, BlockPackets& next, Ground& ground) {
    switch (phase_) {
      case SavePhase::kSize:
        return size_block(channel_of(block), block, packets, next, 0, sizes_of(block));
      case SavePhase::kSave:
        return fill(block, packets, next, ground);
      default:
        return size_and_fill(block, packets, next, ground);
    }
  }

  // Each packet is sized and saved at once, into the room that the worker has; if that ends within the block, the other
  // packets are sized, and the block gets a place of its own.
  PassResult size_and_fill(Block& block, BlockPackets& packets, BlockPackets& next, Ground& ground) {
    std::uint32_t sizes[image::kBlockPackets];  // in the cache, and nobody else's; the plan's are for what stays due
    const auto [offset, room] = ground.stretch.room();
    block.offset = offset;
    PassResult result = save<true>(block, packets, next, ground, room, sizes);
    if (result.status != Status::kSuccess) return result;
    if (!result.ran_out && !result.grew) {
      (void)ground.stretch.allocate(image::chunk_bytes(block.body_bytes));
      return result;
    }
    std::copy_n(sizes, result.ran_out ? result.sized : block.count, sizes_of(block));
    if (!result.ran_out) return result;
    const PassResult sized = size_block(channel_of(block), block, packets, next, result.sized, sizes_of(block));
    if (sized.status != Status::kSuccess) return sized;
    if (result.grew) {
      block.saved = 0;
      return result;
    }
    const std::uint64_t place = ground.stretch.allocate(image::chunk_bytes(block.body_bytes));
    if (place == mem::Arena<Atom>::kNoRoom) {
      if (block.saved != 0) ground.stretch.keep(offset, block.saved_bytes);
      unplaced_.fetch_add_relaxed(1);
      return sized;
    }
    move_block(block, place, memory_);
    return fill(block, packets, next, ground);
  }

  PassResult fill(Block& block, BlockPackets& packets, BlockPackets& next, Ground& ground) {
    const std::uint64_t bytes = image::chunk_bytes(block.body_bytes);
    const PassResult result = save<false>(block, packets, next, ground, bytes, sizes_of(block));
    if (result.grew) lost_bytes_.fetch_add_relaxed(bytes);
    return result;
  }

  std::uint32_t* sizes_of(const Block& block) noexcept { return plan_.sizes.data() + block.first; }

  // kSizes: of save_block. room: bytes from the block's offset on. sizes: of the block's packets.
  template <bool kSizes>
  PassResult save(Block& block, BlockPackets& packets, BlockPackets& next, Ground& ground, std::uint64_t room,
                  std::uint32_t* sizes) {
    return save_block<kSizes>({.config = channel_of(block).config(),
                               .block = block,
                               .packets = packets,
                               .next = next,
                               .zeroed = ground.zeroed,
                               .sizes = sizes,
                               .sequences = plan_.sequences.data() + block.first,
                               .offsets = plan_.offsets.data() + block.first,
                               .chunk = memory_ + block.offset,
                               .room = room,
                               .checksum = checksum_,
                               .may_grow = may_grow_});
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
  SealObserver* observer_ = nullptr;
  unsigned threads_ = 1;
  bool in_budget_ = false;
  bool checksum_ = false;
  bool may_grow_ = false;
  SavePhase phase_ = SavePhase::kPass;
  Stop stop_;
  std::uint64_t started_ns_ = 0;
  std::byte* memory_ = nullptr;
  std::thread::id saver_;   // the thread that called start
  std::thread::id dealer_;  // the one that called pass: an executor may run it on another
  SaveFailure failure_;
  exec::Lanes<Atom> lanes_;                                 // of units
  alignas(base::kCacheLine) Atom<std::uint32_t> failed_{};  // not 0: the others start no further block
  Atom<std::uint32_t> grown_{};
  Atom<std::uint32_t> unplaced_{};
  Atom<std::uint64_t> lost_bytes_{};
  Atom<std::uint64_t> arrived_ns_{};        // 0: no second thread has joined
  Atom<std::uint64_t> stopped_ns_{kNever};  // when the first worker saw that the save has to stop, or kNever
  Atom<std::uint64_t> late_blocks_{};
};

}  // namespace vmbsave::save
