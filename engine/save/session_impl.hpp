// session_impl.hpp: the definitions behind session.hpp; for session.cpp, and for tests that bring atomics of their own.
#pragma once

#include <algorithm>
#include <new>

#include "base/check.hpp"
#include "image/chunk_writer.hpp"
#include "save/session.hpp"

namespace vmbsave::save {

template <template <class> class Atom>
BasicSaveSession<Atom>::BasicSaveSession(Vm& vm) : vm_(vm), workers_(this, vm, plan_, arena_) {}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::begin(const SaveOptions& options) noexcept {
  if (begun()) return Status::kInvalidDeviceState;
  if (!vm_.control().try_enter()) return Status::kDeviceBusy;
  options_ = options;
  report_ = {};
  report_.channels = vm_.channels().size();
  phase_ = SavePhase::kCut;
  one_by_one_ = false;
  if (const Status status = prepare(); status != Status::kSuccess) {
    vm_.control().leave();
    return status;
  }
  // The threads of a save as large as the last one come while the cut is made.
  if (options.executor != nullptr && pays(last_packets_)) options.executor->wake();
  lap_ = {};
  stop_ = Stop(options, lap_.last_ns());
  cut_.freeze(vm_);
  // The clock is read only where somebody is waited for: a reading costs as much as a packet.
  bool waited = false;
  Status stop = Status::kSuccess;
  const bool settled = cut_.await_transit(vm_, [&] {
    if (!waited) lap(SavePhase::kCut);
    waited = true;
    stop = stopped();
    return stop != Status::kSuccess;
  });
  lap(waited ? SavePhase::kTransitWait : SavePhase::kCut);
  if (!settled) return abandon(stop, SavePhase::kTransitWait);
  Status status = plan_.build(vm_, cut_);
  if (status == Status::kSuccess) status = check_callbacks();
  if (status != Status::kSuccess) return abandon(status, SavePhase::kPlace);
  last_packets_ = report_.packets = plan_.packets();
  choose();
  lap(SavePhase::kPlace);
  state_ = State::kBegun;
  return Status::kSuccess;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::save(SealObserver* observer) noexcept {
  if (state_ != State::kBegun) return Status::kInvalidDeviceState;
  lap_ = {};
  const bool may_place_again = report_.plan == SavePlan::kExact && options_.growth_retries != 0;
  observer_ = may_place_again ? nullptr : observer;
  workers_.start(options_, executor_, stop_, lap_.last_ns(), observer_);
  if (executor_ == nullptr) {
    run();
  } else {
    executor_->run([](void* self) noexcept { static_cast<BasicSaveSession*>(self)->run(); }, this);
  }
  observer_ = nullptr;
  const Status status = report_.failure.status;
  state_ = status == Status::kSuccess ? State::kComplete : State::kFailed;
  note_stop();
  report_.memory_used = arena_.used();
  report_.memory_mapped = arena_.ready();
  VMBSAVE_AUDIT(status != Status::kSuccess || plan_.valid());
  return status;
}

template <template <class> class Atom>
bool BasicSaveSession<Atom>::may_go_one_by_one() const noexcept {
  if (options_.plan == SavePlan::kFused) return false;
  if (executor_ == nullptr) return true;
  for (std::size_t c = 0; c < plan_.streams.size(); ++c) {
    const std::uint32_t packets = plan_.streams[c].packets;
    if (packets != 0 && !(vm_.channels()[c]->config().concurrent_callbacks && pays(packets))) return false;
  }
  return true;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::save_channel(std::uint32_t channel, std::span<std::byte> room,
                                            std::uint64_t& direct) noexcept {
  if (state_ != State::kBegun) return Status::kInvalidDeviceState;
  lap_ = {};
  if (!one_by_one_) {
    one_by_one_ = true;
    arena_.reset();
    report_.plan = SavePlan::kExact;
  }
  workers_.start(options_, executor_, stop_, lap_.last_ns());
  Alone alone{*this, channel, room};
  if (executor_ == nullptr) {
    alone.run();
  } else {
    executor_->run([](void* self) noexcept { static_cast<Alone*>(self)->run(); }, &alone);
  }
  direct = alone.direct;
  if (report_.failure.status != Status::kSuccess) state_ = State::kFailed;
  note_stop();
  return report_.failure.status;
}

// As run_exact, for one channel; every size comes before the first place.
template <template <class> class Atom>
void BasicSaveSession<Atom>::Alone::run() noexcept {
  Stream& stream = session.plan_.streams[channel];
  const std::uint64_t before = session.pass_ns();
  session.plan_.keep_units_of(stream, session.vm_.channels()[channel]->config().concurrent_callbacks);
  Status status = session.pass(SavePhase::kSize);
  do {
    if (status == Status::kSuccess) status = place();
    if (status == Status::kSuccess) status = session.pass(SavePhase::kSave, memory);
    if (status != Status::kSuccess) return;
  } while (session.must_run_again());
  session.learn(stream.packets, before);
  if (stream.blocks == 0) session.workers_.seal_channel(channel);
  session.report_.image_bytes += stream_bytes(stream, session.plan_.blocks.data());
  session.lap(SavePhase::kSeal);
}

// Into the room if the stream fits, else behind what the arena has.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::Alone::place() noexcept {
  session.phase_ = SavePhase::kPlace;
  Stream& stream = session.plan_.streams[channel];
  const std::uint64_t bytes = session.plan_.place_stream(stream, 0);
  session.workers_.reset_due(channel);
  direct = bytes <= room.size() && base::is_aligned(room.data(), image::kChunkAlignment) ? bytes : 0;
  memory = room.data();
  const std::uint64_t arena_bytes = direct == 0 ? session.arena_.used() + bytes : 0;
  const Status status = session.make_room(session.report_.image_bytes + bytes, arena_bytes);
  if (status != Status::kSuccess) {
    session.report_.failure.channel = channel;
    return status;
  }
  if (direct == 0) {
    (void)session.plan_.place_stream(stream, session.arena_.allocate(bytes));
    memory = session.arena_.data();
  }
  session.lap(SavePhase::kPlace);
  return Status::kSuccess;
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
    workers_.prepare(vm_.channels().size(), options_.executor == nullptr ? 1 : options_.executor->concurrency());
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
  vm_.control().abandon();
  report_.deferred_delivered = cut_.thaw(vm_, EndMode::kResume);
  vm_.control().leave();
  if (phase == SavePhase::kTransitWait) report_.stop_ns = stop_.age_ns(base::now_ns());
  return status;
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::note_stop() noexcept {
  if (!workers_.stopped()) return;
  report_.stop_ns = stop_.age_ns(base::now_ns());
  report_.blocks_after_stop = workers_.blocks_after_stop();
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

// In the phases that threads share.
template <template <class> class Atom>
std::uint64_t BasicSaveSession<Atom>::pass_ns() const noexcept {
  const auto phase = [this](SavePhase p) { return report_.phase_ns[static_cast<unsigned>(p)]; };
  return phase(SavePhase::kSize) + phase(SavePhase::kSave) + phase(SavePhase::kPass);
}

// From what was done since pass_ns() was `before`.
template <template <class> class Atom>
void BasicSaveSession<Atom>::learn(std::uint64_t packets, std::uint64_t before) noexcept {
  crossover_.learn(packets, pass_ns() - before, workers_.workers(), workers_.arrival_ns());
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::run() noexcept {
  if ((report_.plan == SavePlan::kExact ? run_exact() : run_fused()) != Status::kSuccess) return;
  learn(report_.packets, 0);
  seal();
  // For the next save. Last, because the image may move; without memory, stretches are not had.
  if (report_.plan == SavePlan::kFused)
    (void)ensure(plan_.image_bytes, workers_.room_for_stretches(plan_.image_bytes), 0);
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

// What the arena has no room for, as in a first save, is only sized in the pass, and saved in a second one when there
// is room.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::run_fused() noexcept {
  phase_ = SavePhase::kPlace;
  arena_.reset();
  const std::uint64_t frame = plan_.place_frame();
  Status status = make_room(frame, frame);
  if (status != Status::kSuccess) return status;
  (void)arena_.allocate(frame);
  workers_.reset_due();
  workers_.seal_empty(arena_.data());
  status = pass(SavePhase::kPass);
  while (status == Status::kSuccess && must_run_again()) {
    status = place_due();
    if (status == Status::kSuccess) status = pass(SavePhase::kSave);
  }
  if (status != Status::kSuccess) return status;
  plan_.image_bytes = arena_.used() - workers_.lost_bytes();
  report_.image_bytes = plan_.image_bytes;
  return make_room(plan_.image_bytes, 0);
}

// As long as packets grow and retries are left; without any left, growth is a failure of its packet. A pass for blocks
// that found no room is none of the retries: these have not been saved yet, and may grow as often as the others.
template <template <class> class Atom>
bool BasicSaveSession<Atom>::must_run_again() noexcept {
  if (workers_.unplaced() != 0) return true;
  if (workers_.grown() == 0) return false;
  ++report_.growth_retries;
  return true;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::pass(SavePhase phase, std::byte* memory) noexcept {
  phase_ = phase;
  workers_.pass(phase, report_.growth_retries < options_.growth_retries, memory);
  lap(phase);
  report_.failure = workers_.failure();
  return report_.failure.status;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::place() noexcept {
  phase_ = SavePhase::kPlace;
  plan_.place();
  workers_.reset_due();
  VMBSAVE_AUDIT(plan_.is_contiguous());
  arena_.reset();
  if (const Status status = make_room(plan_.image_bytes, plan_.image_bytes); status != Status::kSuccess) return status;
  (void)arena_.allocate(plan_.image_bytes);
  workers_.seal_empty(arena_.data());
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
  const Status status = make_room(used - workers_.lost_bytes() + bytes, used + bytes);
  if (status != Status::kSuccess) return status;
  for (Block& block : plan_.blocks) {
    if (block.due) move_block(block, arena_.allocate(image::chunk_bytes(block.body_bytes)), arena_.data());
  }
  VMBSAVE_ASSERT(arena_.valid());
  lap(SavePhase::kPlace);
  return Status::kSuccess;
}

// As Arena::ensure; what was allocated may move.
template <template <class> class Atom>
bool BasicSaveSession<Atom>::ensure(std::uint64_t bytes, std::uint64_t spare, std::uint64_t budget) noexcept {
  SealObserver* const told = arena_.moves(bytes, spare) ? observer_ : nullptr;
  if (told != nullptr) told->before_move();
  const bool ensured = arena_.ensure(bytes, spare, budget);
  if (told != nullptr) told->after_move();
  return ensured;
}

// Of an image within the budget, so many bytes of arena.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::make_room(std::uint64_t image_bytes, std::uint64_t arena_bytes) noexcept {
  Status status = Status::kSuccess;
  if (options_.memory_budget != 0 && image_bytes > options_.memory_budget) {
    status = Status::kQuotaExceeded;
  } else if (!ensure(arena_bytes, 0, options_.memory_budget)) {
    status = Status::kInsufficientResources;
  }
  if (status != Status::kSuccess) report_.failure = {.status = status, .phase = SavePhase::kPlace};
  return status;
}

// What is left when every channel is sealed.
template <template <class> class Atom>
void BasicSaveSession<Atom>::seal() noexcept {
  phase_ = SavePhase::kSeal;
  std::byte* const image = arena_.data();
  image::write_image_chunk(image, static_cast<std::uint32_t>(plan_.streams.size()), report_.packets, plan_.image_bytes,
                           options_.checksum);
  image::write_end_chunk(image + plan_.end_offset, options_.checksum);
  lap(SavePhase::kSeal);
}

}  // namespace vmbsave::save
