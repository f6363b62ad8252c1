#include "kmcl/vm.hpp"

#include "kmcl/channel.hpp"

namespace vmbsave::kmcl {
namespace {

constinit std::mutex registry_mutex;
constinit Vm* registry = nullptr;  // every VM with a parent

// What a callback failed with, for the caller of SaveContinue: to him two of the codes mean something else.
Status caller_status(Status status) noexcept {
  const bool taken = status == Status::kBufferTooSmall || status == Status::kBufferOverflow;
  return taken ? Status::kInvalidBufferSize : status;
}

// The packets stay where they are until Cleanup, empty: a VSP may still complete one that it holds.
void disable_now(VMBCHANNEL__& channel) noexcept {
  channel.disable_pending = false;
  channel.state = VMBCHANNEL__::State::kDisabled;
  (void)channel.vm->channels().detach(*channel.channel);
  channel.channel->drop_all();
  channel.restore.reset();
  channel.retired.push_back(std::move(channel.channel));  // Enable has made room
}

void destroy_now(VMBCHANNEL__* channel) noexcept {
  channel->magic = 0;
  Vm* const vm = channel->vm;
  delete channel;
  Vm::release(vm);
}

}  // namespace

Vm* Vm::acquire(PDEVICE_OBJECT parent) {
  if (parent == nullptr) return new Vm(nullptr);
  const std::lock_guard lock(registry_mutex);
  for (Vm* vm = registry; vm != nullptr; vm = vm->next_) {
    if (vm->parent_ == parent) {
      ++vm->references_;
      return vm;
    }
  }
  Vm* const vm = new Vm(parent);
  vm->next_ = registry;
  registry = vm;
  return vm;
}

void Vm::release(Vm* vm) noexcept {
  const std::lock_guard lock(registry_mutex);
  if (--vm->references_ != 0) return;
  for (Vm** link = &registry; *link != nullptr; link = &(*link)->next_) {
    if (*link == vm) {
      *link = vm->next_;
      break;
    }
  }
  delete vm;
}

Status Vm::enable(packet::Channel& channel) noexcept {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kIdle ? channels_.attach(channel) : Status::kDeviceBusy;
}

Status Vm::join_save(VMBCHANNEL__& channel) noexcept {
  const std::lock_guard lock(mutex_);
  if (joined_ == 0) {
    const Status status = session_.begin({.executor = executor_.get()});
    if (status != Status::kSuccess) return status;
    phase_ = Phase::kBegun;
  }
  ++joined_;
  const auto& channels = channels_.channels();
  while (channels[channel.number] != channel.channel.get()) ++channel.number;
  return Status::kSuccess;
}

Status Vm::run_save() noexcept {
  if (save::inside_callbacks) return Status::kInvalidDeviceState;
  std::unique_lock lock(mutex_);
  ran_.wait(lock, [this] { return phase_ != Phase::kRunning; });
  if (phase_ == Phase::kBegun) {
    phase_ = Phase::kRunning;
    lock.unlock();
    (void)session_.save();
    lock.lock();
    phase_ = Phase::kRan;
    ran_.notify_all();
  }
  return session_.complete() ? Status::kSuccess : caller_status(session_.report().failure.status);
}

void Vm::leave_save(VMBCHANNEL__& channel) noexcept {
  if (save::inside_callbacks) return;
  std::unique_lock lock(mutex_);
  ran_.wait(lock, [this] { return phase_ != Phase::kRunning; });
  channel.saving = false;
  if (--joined_ == 0) end_save();
}

void Vm::end_save() noexcept {
  session_.end(EndMode::kResume);  // or discards, channel by channel
  phase_ = Phase::kIdle;
  for (std::size_t i = channels_.channels().size(); i-- > 0;) {
    VMBCHANNEL__* const channel = channels_.channels()[i]->config().handle;
    if (!channel->disable_pending) continue;
    disable_now(*channel);
    if (channel->cleanup_pending) destroy_now(channel);  // not the last reference: the caller's channel has one
  }
}

void Vm::disable(VMBCHANNEL__& channel) noexcept {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kIdle) return disable_now(channel);
  channel.disable_pending = true;
  channel.channel->discard_on_end = channel.saving && channel.saved;
}

void Vm::destroy(VMBCHANNEL__* channel) noexcept {
  {
    const std::lock_guard lock(mutex_);
    channel->cleanup_pending = channel->disable_pending;
    if (channel->cleanup_pending) return;
  }
  destroy_now(channel);
}

Status Vm::set_threads(unsigned threads) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kIdle) return Status::kDeviceBusy;
  executor_ = threads > 1 ? make_thread_executor(threads) : nullptr;
  return Status::kSuccess;
}

}  // namespace vmbsave::kmcl
