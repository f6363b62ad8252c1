// session_impl.hpp: the definitions behind session.hpp; for session.cpp, and for tests that bring atomics of their own.
#pragma once

#include <algorithm>
#include <new>

#include "base/check.hpp"
#include "save/passes.hpp"
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
  phase_ = SavePhase::kCut;
  if (const Status status = prepare(); status != Status::kSuccess) {
    vm_.control().leave();
    return status;
  }
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
  report_.packets = plan_.packets();
  lap(SavePhase::kCut);
  state_ = State::kBegun;
  return Status::kSuccess;
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::save() noexcept {
  if (state_ != State::kBegun) return Status::kInvalidDeviceState;
  lap_ = {};
  Status status = run_blocks(SavePhase::kSize);
  if (status == Status::kSuccess) status = place_and_save();
  if (status == Status::kSuccess) seal();
  state_ = status == Status::kSuccess ? State::kComplete : State::kFailed;
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

template <template <class> class Atom>
Status BasicSaveSession<Atom>::run_blocks(SavePhase phase) noexcept {
  constexpr std::size_t kUnitsAtOnce = 4;  // up to 84 packets a claim of the executor's range
  phase_ = phase;
  for_each(plan_.units.size(), kUnitsAtOnce, [this](std::size_t unit) { run_unit(plan_.units[unit]); });
  lap(phase);
  return report_.failure.status;
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::run_unit(const Unit& unit) noexcept {
  const InsideCallbacks inside(this);
  for (std::uint32_t b = unit.first_block; b < unit.last_block; ++b) {
    if (failed_.load_relaxed() != 0) return;
    Block& block = plan_.blocks[b];
    if (block.count == 0) continue;  // left out
    PassResult result;
    if (expired()) {
      result.status = Status::kIoTimeout;
    } else {
      try {
        result = run_block(block);
      } catch (...) {
        result.status = Status::kUnhandledException;
      }
    }
    if (result.status != Status::kSuccess) {
      fail({result.status, phase_, block.channel, result.transaction_id});
      return;
    }
    if (result.grew) grown_.fetch_add_relaxed(1);
  }
}

template <template <class> class Atom>
PassResult BasicSaveSession<Atom>::run_block(Block& block) {
  const Channel& channel = *vm_.channels()[block.channel];
  if (phase_ == SavePhase::kSize) return size_block(channel, block, plan_.sizes.data());
  return save_block(channel, block, plan_.sizes.data(), plan_.places.data(), image_ + block.offset, options_.checksum,
                    report_.growth_retries < options_.growth_retries);
}

// Again, with new places, as long as packets grow and retries are left; without any left, growth is a failure.
template <template <class> class Atom>
Status BasicSaveSession<Atom>::place_and_save() noexcept {
  for (;; ++report_.growth_retries) {
    if (const Status status = place(); status != Status::kSuccess) return status;
    grown_.store_relaxed(0);
    if (const Status status = run_blocks(SavePhase::kSave); status != Status::kSuccess) return status;
    if (grown_.load_relaxed() == 0) return Status::kSuccess;
  }
}

template <template <class> class Atom>
Status BasicSaveSession<Atom>::place() noexcept {
  phase_ = SavePhase::kPlace;
  plan_.place();
  VMBSAVE_AUDIT(plan_.valid());
  const bool over_budget = options_.memory_budget != 0 && plan_.image_bytes > options_.memory_budget;
  if (!over_budget) arena_.reset();
  if (over_budget || !arena_.ensure(plan_.image_bytes, options_.memory_budget)) {
    fail({.status = over_budget ? Status::kQuotaExceeded : Status::kInsufficientResources, .phase = phase_});
    return report_.failure.status;
  }
  image_ = arena_.allocate(plan_.image_bytes);
  VMBSAVE_ASSERT(image_ != nullptr && arena_.valid());
  report_.image_bytes = plan_.image_bytes;
  lap(SavePhase::kPlace);
  return Status::kSuccess;
}

template <template <class> class Atom>
void BasicSaveSession<Atom>::seal() noexcept {
  phase_ = SavePhase::kSeal;
  for_each(plan_.streams.size(), 1, [this](std::size_t channel) {
    seal_stream(*vm_.channels()[channel], static_cast<std::uint32_t>(channel), plan_.streams[channel],
                plan_.places.data(), image_, options_.checksum);
  });
  image::write_image_chunk(image_, static_cast<std::uint32_t>(plan_.streams.size()), report_.packets, plan_.image_bytes,
                           options_.checksum);
  image::write_end_chunk(image_ + plan_.image_bytes - image::kEndChunkBytes, options_.checksum);
  lap(SavePhase::kSeal);
}

// The first failure is the one that is reported.
template <template <class> class Atom>
void BasicSaveSession<Atom>::fail(const SaveFailure& failure) noexcept {
  // relaxed: only one worker may write the failure; the executor's join publishes it.
  if (failed_.fetch_add_relaxed(1) == 0) report_.failure = failure;
}

template <template <class> class Atom>
template <class Function>
void BasicSaveSession<Atom>::for_each(std::size_t count, std::size_t grain, Function&& function) noexcept {
  if (options_.executor == nullptr) {
    for (std::size_t i = 0; i < count; ++i) function(i);
    return;
  }
  options_.executor->for_each(
      count, grain,
      [](void* context, std::size_t first, std::size_t last) noexcept {
        for (; first < last; ++first) (*static_cast<Function*>(context))(first);
      },
      &function);
}

}  // namespace vmbsave::save
