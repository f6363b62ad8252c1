// session_impl.hpp: the definitions behind session.hpp; for session.cpp, and for tests that bring atomics of their own.
#pragma once

#include <algorithm>
#include <new>

#include "base/check.hpp"
#include "save/passes.hpp"
#include "save/seal.hpp"
#include "save/session.hpp"

namespace vmbsave::save {

template <template <class> class Atom>
BasicSaveSession<Atom>::BasicSaveSession(Vm& vm) : vm_(vm) {}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::begin(const SaveOptions& options) noexcept {
  if (begun()) return Status::kInvalidDeviceState;
  if (!vm_.control().try_enter()) return Status::kDeviceBusy;
  options_ = options;
  report_ = {};
  report_.channels = vm_.channels().size();
  failed_.store_relaxed(0);
  unplaced_.store_relaxed(0);
  lost_bytes_.store_relaxed(0);
  arrived_ns_.store_relaxed(0);
  phase_ = SavePhase::kCut;
  if (const Status status = prepare(); status != Status::kSuccess) {
    vm_.control().leave();
    return status;
  }
  // The threads of a save as large as the last one come while the cut is made.
  if (options.executor != nullptr && pays(last_packets_)) options.executor->wake();
  lap_ = {};
  const std::uint64_t now = base::now_ns();
  deadline_ = options.deadline_ns == 0 ? 0 : now + std::min(options.deadline_ns, UINT64_MAX - now);
  cut_.freeze(vm_);
  lap(SavePhase::kCut);
  const bool settled = cut_.await_transit(vm_, [this] { return expired(); });
  lap(SavePhase::kTransitWait);
  if (!settled) return abandon(Status::kIoTimeout, SavePhase::kTransitWait);
  Status status = plan_.build(vm_, cut_);
  if (status == Status::kSuccess) status = check_callbacks();
  if (status != Status::kSuccess) return abandon(status, SavePhase::kCut);
  last_packets_ = report_.packets = plan_.packets();
  choose();
  lap(SavePhase::kCut);
  state_ = State::kBegun;
  return Status::kSuccess;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::save() noexcept {
  if (state_ != State::kBegun) return Status::kInvalidDeviceState;
  lap_ = {};
  saver_ = std::this_thread::get_id();
  started_ns_ = base::now_ns();
  if (executor_ == nullptr) {
    run();
  } else {
    executor_->run([](void* self) noexcept { static_cast<BasicSaveSession*>(self)->run(); }, this);
  }
  const Status status = report_.failure.status;
  state_ = status == Status::kSuccess ? State::kComplete : State::kFailed;
  VMBSAVE_AUDIT(status != Status::kSuccess || plan_.valid());
  return status;
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::leave_out(const Channel& channel) noexcept {
  const auto& channels = vm_.channels();
  const auto number =
      static_cast<std::size_t>(std::find(channels.begin(), channels.end(), &channel) - channels.begin());
  if (state_ != State::kBegun || number == channels.size()) return;
  report_.packets -= plan_.leave_out(static_cast<std::uint32_t>(number));
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::end(EndMode mode) noexcept {
  if (!begun()) return;
  lap_ = {};
  report_.deferred_delivered = cut_.thaw(vm_, mode);
  for (Channel* channel : vm_.channels()) {
    channel->discard_on_end.store_relaxed(false);
    VMBSAVE_AUDIT(channel->table().valid());
  }
  state_ = State::kIdle;
  lap(SavePhase::kEnd);
  vm_.control().leave();
}

// All memory that a save needs before it knows its packets, so that nothing can fail between the cut and the plan.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::prepare() noexcept {
  try {
    std::size_t words = 0;
    std::size_t slots = 0;
    for (const Channel* channel : vm_.channels()) {
      words += channel->table().words();
      slots += std::size_t{channel->table().capacity()} + channel->table().sends();
    }
    cut_.prepare(vm_);
    plan_.prepare(vm_.channels().size(), words, std::min<std::size_t>(slots, image::kMaxPackets));
    if (due_channels_ < vm_.channels().size()) {
      due_ = std::make_unique<Due[]>(vm_.channels().size());
      due_channels_ = vm_.channels().size();
    }
    return Status::kSuccess;
  } catch (const std::bad_alloc&) {
    return Status::kInsufficientResources;
  }
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::check_callbacks() const noexcept {
  for (std::size_t c = 0; c < plan_.streams.size(); ++c) {
    if (plan_.streams[c].packets != 0 && vm_.channels()[c]->config().save_packet == nullptr) {
      return Status::kInvalidDeviceState;
    }
  }
  return Status::kSuccess;
}

// begin gives up: thaws what was frozen, delivers what was deferred.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::abandon(Status status, SavePhase phase) noexcept {
  report_.failure = {.status = status, .phase = phase};
  report_.deferred_delivered = cut_.thaw(vm_, EndMode::kResume);
  vm_.control().leave();
  return status;
}

template <template <class> class Atom>
bool BasicSaveSession<Atom>::expired() const noexcept {
  return deadline_ != 0 && base::now_ns() >= deadline_;
}

// Whether a save of so many packets is worth more threads than the caller's.
template <template <class> class Atom>
bool BasicSaveSession<Atom>::pays(std::uint64_t packets) const noexcept {
  return options_.serial_below == kCalibrated ? crossover_.pays(packets) : packets >= options_.serial_below;
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::choose() noexcept {
  executor_ = options_.executor;
  if (executor_ != nullptr && executor_->concurrency() > 1 && !pays(report_.packets)) executor_ = nullptr;
  report_.threads = executor_ == nullptr ? 1 : executor_->concurrency();
  report_.plan = options_.plan == SavePlan::kAuto ? SavePlan::kFused : options_.plan;
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::run() noexcept {
  if ((report_.plan == SavePlan::kExact ? run_exact() : run_fused()) != Status::kSuccess) return;
  const auto phase = [this](SavePhase p) { return report_.phase_ns[static_cast<unsigned>(p)]; };
  const std::uint64_t arrived = arrived_ns_.load_relaxed();
  crossover_.learn(report_.packets, phase(SavePhase::kSize) + phase(SavePhase::kSave) + phase(SavePhase::kPass),
                   report_.threads, arrived == 0 ? UINT64_MAX : arrived - started_ns_);
  seal();
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::run_exact() noexcept {
  Status status = pass(SavePhase::kSize);
  do {
    if (status == Status::kSuccess) status = place();
    if (status == Status::kSuccess) status = pass(SavePhase::kSave);
    if (status != Status::kSuccess) return status;
  } while (must_run_again());
  return Status::kSuccess;
}

// What the arena has no room for, as in a first save, is sized in the pass and saved in a second one, when there is
// room.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::run_fused() noexcept {
  phase_ = SavePhase::kPlace;
  arena_.reset();
  const std::uint64_t frame = plan_.place_frame();
  Status status = make_room(frame, frame);
  if (status != Status::kSuccess) return status;
  (void)arena_.allocate(frame);
  reset_due();
  lap(SavePhase::kPlace);
  status = pass(SavePhase::kPass);
  while (status == Status::kSuccess && must_run_again()) {
    status = place_due();
    if (status == Status::kSuccess) status = pass(SavePhase::kSave);
  }
  if (status != Status::kSuccess) return status;
  plan_.image_bytes = arena_.used() - lost_bytes_.load_relaxed();
  report_.image_bytes = plan_.image_bytes;
  return make_room(plan_.image_bytes, 0);
}

// As long as packets grow and retries are left; without any left, growth is a failure of its packet. A pass for blocks
// that found no room is none of the retries: these have not been saved yet, and may grow as often as the others.
template <template <class> class Atom>
bool BasicSaveSession<Atom>::must_run_again() noexcept {
  if (unplaced_.load_relaxed() != 0) return true;
  if (grown_.load_relaxed() == 0) return false;
  ++report_.growth_retries;
  return true;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::pass(SavePhase phase) noexcept {
  phase_ = phase;
  grown_.store_relaxed(0);
  next_unit_.store_relaxed(0);
  const std::size_t workers = std::min<std::size_t>(report_.threads, plan_.units.size());
  for_each(workers, 1, [this](std::size_t first, std::size_t last) {
    for (; first != last; ++first) work();
  });
  lap(phase);
  return report_.failure.status;
}

// One worker: takes units until none is left. Whoever comes late, or never, is not waited for.
template <template <class> class Atom>
void BasicSaveSession<Atom>::work() noexcept {
  const InsideCallbacks inside(this);
  mem::Stretch<Atom> stretch(arena_, stretch_bytes());
  for (;;) {
    // relaxed: only the unit is claimed; the executor orders what was before the pass and what comes after it.
    const std::size_t unit = next_unit_.fetch_add_relaxed(1);
    if (unit >= plan_.units.size() || failed_.load_relaxed() != 0) break;
    note_arrival();
    run_blocks(plan_.units[unit].first_block, plan_.units[unit].last_block, stretch);
  }
  if (stretch.unused() != 0) lost_bytes_.fetch_add_relaxed(stretch.unused());
}

// Bytes of arena that a worker takes at a time: what the workers leave unused at the end is a sixteenth of it at most.
// None within a memory budget, which is for the image.
template <template <class> class Atom>
std::uint64_t BasicSaveSession<Atom>::stretch_bytes() const noexcept {
  constexpr std::uint64_t kMost = 256u << 10;
  if (report_.threads == 1 || options_.memory_budget != 0) return 0;
  return std::min(kMost, arena_.ready() / (std::uint64_t{16} * report_.threads));
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::run_blocks(std::uint32_t first, std::uint32_t last, mem::Stretch<Atom>& stretch) noexcept {
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

template <template <class> class Atom>
PassResult BasicSaveSession<Atom>::try_block(Block& block, const BlockPackets& packets, BlockPackets& next,
                                             mem::Stretch<Atom>& stretch) noexcept {
  if (expired()) return {.status = Status::kIoTimeout};
  try {
    return run_block(block, packets, next, stretch);
  } catch (...) {
    return {.status = Status::kUnhandledException};
  }
}

// So many more blocks of the channel are saved. Whoever saves its last one seals it, while its places are in the cache.
template <template <class> class Atom>
void BasicSaveSession<Atom>::finish(std::uint32_t channel, std::uint32_t saved) noexcept {
  if (saved == 0) return;
  // [finish] release: the blocks and places of this worker. acquire: those of the others, for the one who seals.
  if (due_[channel].blocks.fetch_sub_acq_rel(saved) == saved) seal_channel(channel);
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::seal_channel(std::uint32_t channel) noexcept {
  const Stream& stream = plan_.streams[channel];
  seal_stream(*vm_.channels()[channel], channel,
              {stream, plan_.blocks.data(), plan_.sequences.data() + stream.first_packet,
               plan_.offsets.data() + stream.first_packet,
               plan_.order_scratch.data() + 2 * std::size_t{stream.first_packet}, arena_.data(), options_.checksum});
}

// Every block of every channel is due.
template <template <class> class Atom>
void BasicSaveSession<Atom>::reset_due() noexcept {
  for (std::size_t c = 0; c < plan_.streams.size(); ++c) due_[c].blocks.store_relaxed(plan_.streams[c].blocks);
}

template <template <class> class Atom>
PassResult BasicSaveSession<Atom>::run_block(Block& block, const BlockPackets& packets, BlockPackets& next,
                                             mem::Stretch<Atom>& stretch) {
  if (phase_ == SavePhase::kSave) return fill(block, packets, next);
  const PassResult sized = size_block(channel_of(block), block, packets, plan_.sizes.data());
  if (phase_ == SavePhase::kSize || sized.status != Status::kSuccess) {
    next.prefetch_rest();
    return sized;
  }
  block.offset = stretch.allocate(image::chunk_bytes(block.body_bytes));
  if (block.offset != mem::Arena<Atom>::kNoRoom) return fill(block, packets, next);
  unplaced_.fetch_add_relaxed(1);
  return sized;
}

template <template <class> class Atom>
PassResult BasicSaveSession<Atom>::fill(Block& block, const BlockPackets& packets, BlockPackets& next) {
  const std::uint64_t bytes = image::chunk_bytes(block.body_bytes);
  const Channel& channel = channel_of(block);
  const PassResult result = save_block({.config = channel.config(),
                                        .block = block,
                                        .packets = packets,
                                        .next = next,
                                        .sizes = plan_.sizes.data() + block.first,
                                        .sequences = plan_.sequences.data() + block.first,
                                        .offsets = plan_.offsets.data() + block.first,
                                        .chunk = arena_.data() + block.offset,
                                        .checksum = options_.checksum,
                                        .may_grow = report_.growth_retries < options_.growth_retries},
                                       channel.table().is_send_word(block.word));
  if (result.grew) lost_bytes_.fetch_add_relaxed(bytes);
  return result;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::place() noexcept {
  phase_ = SavePhase::kPlace;
  plan_.place();
  reset_due();
  VMBSAVE_AUDIT(plan_.is_contiguous());
  arena_.reset();
  if (const Status status = make_room(plan_.image_bytes, plan_.image_bytes); status != Status::kSuccess) return status;
  (void)arena_.allocate(plan_.image_bytes);
  report_.image_bytes = plan_.image_bytes;
  lap(SavePhase::kPlace);
  return Status::kSuccess;
}

// The fused plan: a place for each block that has none, or has outgrown the one it had.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::place_due() noexcept {
  phase_ = SavePhase::kPlace;
  std::uint64_t bytes = 0;
  for (const Block& block : plan_.blocks) {
    if (block.due) bytes += image::chunk_bytes(block.body_bytes);
  }
  const std::uint64_t used = arena_.used();
  if (const Status status = make_room(used - lost_bytes_.load_relaxed() + bytes, used + bytes);
      status != Status::kSuccess) {
    return status;
  }
  for (Block& block : plan_.blocks) {
    if (block.due) block.offset = arena_.allocate(image::chunk_bytes(block.body_bytes));
  }
  VMBSAVE_ASSERT(arena_.valid());
  unplaced_.store_relaxed(0);
  lap(SavePhase::kPlace);
  return Status::kSuccess;
}

// Of an image within the budget, so many bytes of arena.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::make_room(std::uint64_t image_bytes, std::uint64_t arena_bytes) noexcept {
  Status status = Status::kSuccess;
  if (options_.memory_budget != 0 && image_bytes > options_.memory_budget) {
    status = Status::kQuotaExceeded;
  } else if (!arena_.ensure(arena_bytes, options_.memory_budget)) {
    status = Status::kInsufficientResources;
  }
  if (status != Status::kSuccess) fail({.status = status, .phase = SavePhase::kPlace});
  return status;
}

// What is left when every channel with packets is sealed.
template <template <class> class Atom>
void BasicSaveSession<Atom>::seal() noexcept {
  phase_ = SavePhase::kSeal;
  for (std::uint32_t c = 0; c < plan_.streams.size(); ++c) {
    if (plan_.streams[c].blocks == 0) seal_channel(c);
  }
  std::byte* const image = arena_.data();
  image::write_image_chunk(image, static_cast<std::uint32_t>(plan_.streams.size()), report_.packets, plan_.image_bytes,
                           options_.checksum);
  image::write_end_chunk(image + plan_.end_offset, options_.checksum);
  lap(SavePhase::kSeal);
}

// The first failure is the one that is reported.
template <template <class> class Atom>
void BasicSaveSession<Atom>::fail(const SaveFailure& failure) noexcept {
  // relaxed: only one worker may write the failure; the executor's join publishes it.
  if (failed_.fetch_add_relaxed(1) == 0) report_.failure = failure;
}

// When the second thread has come: that is what decides from how many packets on it pays.
template <template <class> class Atom>
void BasicSaveSession<Atom>::note_arrival() noexcept {
  if (executor_ == nullptr || arrived_ns_.load_relaxed() != 0 || std::this_thread::get_id() == saver_) return;
  arrived_ns_.store_relaxed(base::now_ns());
}

template <template <class> class Atom>
template <class Function>
void BasicSaveSession<Atom>::for_each(std::size_t count, std::size_t grain, Function&& function) noexcept {
  if (count == 0) return;
  if (executor_ == nullptr) return function(0, count);
  executor_->for_each(
      count, grain,
      [](void* context, std::size_t first, std::size_t last) noexcept {
        (*static_cast<std::remove_reference_t<Function>*>(context))(first, last);
      },
      &function);
}

}  // namespace vmbsave::save
