#include "kmcl/vm.hpp"

#include "base/bytes.hpp"
#include "image/format.hpp"
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

// nullptr: the calling thread alone.
std::unique_ptr<Executor> executor_for(const VMBS_SAVE_OPTIONS& options) {
  if (options.Executor == VMBS_EXECUTOR_SERIAL) return nullptr;
  if (options.Executor == VMBS_EXECUTOR_AUTO) return make_executor(options.Threads);
  return make_thread_executor(options.Threads == 0 ? available_cpus() : options.Threads);
}

// If a VSP may still hold packets, they stay where they are until Cleanup, empty: it may complete them.
void disable_now(VMBCHANNEL__& channel) noexcept {
  channel.disable_pending = false;
  channel.restore_owed = false;
  channel.started = false;
  channel.open.store_relaxed(false);
  channel.active.store_relaxed(false);
  auto life = channel.sends.take_channel();
  const bool in_use = channel.discarded || life->table().count_used() != 0;
  channel.discarded = false;
  (void)channel.vm->channels().detach(*life);
  channel.restore.reset();
  if (in_use || life->allocated() != 0) {  // Enable has made room
    channel.retired.push_back({std::move(life), std::move(channel.external_data)});
  }
  channel.state.store_relaxed(VMBCHANNEL__::State::kDisabled);
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

// Keeps the VM alive while the last of its channels may go.
class Vm::Hold {
 public:
  explicit Hold(Vm* vm) noexcept : vm_(vm) {
    const std::lock_guard lock(registry_mutex);
    ++vm_->references_;
  }
  ~Hold() { release(vm_); }
  Hold(const Hold&) = delete;

 private:
  Vm* const vm_;
};

bool Vm::called_from_inside() const noexcept { return save::InsideCallbacks::of(&session_) || CallScope::of_vm(this); }

// Waits until nobody is inside begin, save or end.
void Vm::settle(std::unique_lock<std::mutex>& lock) noexcept {
  settled_.wait(
      lock, [this] { return phase_ != Phase::kBeginning && phase_ != Phase::kRunning && phase_ != Phase::kEnding; });
}

Status Vm::enable(packet::Channel& channel) noexcept {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kIdle ? channels_.attach(channel) : Status::kDeviceBusy;
}

void Vm::disable(VMBCHANNEL__& channel, bool discard) noexcept {
  std::unique_lock lock(mutex_);
  if (!called_from_inside()) settle(lock);
  if (phase_ == Phase::kIdle) return disable_now(channel);
  channel.disable_pending = true;
  channel.state.store_relaxed(VMBCHANNEL__::State::kLeaving);
  channel.channel->discard_on_end.store_relaxed(discard);
  channel.discarded = discard;
  if (phase_ == Phase::kBegun && !channel.ran) session_.leave_out(*channel.channel);
}

void Vm::destroy(VMBCHANNEL__* channel) noexcept {
  {
    const std::lock_guard lock(mutex_);
    channel->cleanup_pending = channel->disable_pending;
    if (channel->cleanup_pending) return;
  }
  destroy_now(channel);
}

Status Vm::join_save(VMBCHANNEL__& channel, std::optional<SavePlan> alone) noexcept {
  if (called_from_inside()) return Status::kInvalidDeviceState;
  std::unique_lock lock(mutex_);
  settle(lock);
  if (channel.saving || channel.disable_pending) return Status::kInvalidDeviceState;
  if (alone && phase_ != Phase::kIdle) return Status::kInvalidDeviceState;
  if (phase_ == Phase::kIdle) {
    if (changing_ != 0) return Status::kDeviceBusy;
    if (!may_begin()) return Status::kInvalidDeviceState;
    phase_ = Phase::kBeginning;
    one_by_one_ = false;
    lock.unlock();
    Status status;
    {
      const CallScope inside(this, nullptr);
      status = alone ? session_.begin(options_alone(*alone)) : session_.begin(options_);
    }
    if (status != Status::kSuccess) go_on();
    lock.lock();
    if (status == Status::kSuccess) {
      phase_ = Phase::kBegun;
      for_each_leaving([this](VMBCHANNEL__& leaving) { session_.leave_out(*leaving.channel); });
    } else {
      phase_ = Phase::kIdle;
      carry_out_disables();
    }
    settled_.notify_all();
    if (status != Status::kSuccess) return status;
  }
  channel.saving = true;
  channel.ran = false;
  ++joined_;
  const auto& channels = channels_.channels();
  while (channels[channel.number] != channel.channel.get()) ++channel.number;
  return Status::kSuccess;
}

bool Vm::may_begin() const noexcept {
  if (!require_paused_) return true;
  for (const packet::Channel* channel : channels_.channels()) {
    if (channel->config().handle->active.load_relaxed()) return false;
  }
  return true;
}

SaveOptions Vm::options_alone(SavePlan plan) const noexcept {
  SaveOptions options = options_;
  options.executor = nullptr;
  options.deadline_ns = 0;
  options.plan = plan;
  return options;
}

// A room that could hold the channel's packets if they had no state: one for a chunk at a time could not.
bool Vm::goes_one_by_one(const VMBCHANNEL__& channel, std::span<std::byte> room) const noexcept {
  const std::uint64_t packets = channel.channel->table().count_used();
  return base::is_aligned(room.data(), image::kChunkAlignment) &&
         room.size() >= image::kChannelChunkBytes + image::directory_bytes(static_cast<std::uint32_t>(packets)) +
                            packets * image::record_bytes(0, 0) &&
         session_.may_go_one_by_one();
}

Status Vm::run_save(VMBCHANNEL__& channel, std::span<std::byte> room, std::uint64_t& direct) noexcept {
  direct = 0;
  if (called_from_inside()) return Status::kInvalidDeviceState;
  std::unique_lock lock(mutex_);
  settle(lock);
  if (phase_ == Phase::kBegun && !channel.ran) {
    if (!one_by_one_) one_by_one_ = goes_one_by_one(channel, room);
    phase_ = Phase::kRunning;
    lock.unlock();
    (void)(one_by_one_ ? session_.save_channel(channel.number, room, direct) : session_.save());
    lock.lock();
    channel.ran = true;
    phase_ = one_by_one_ && !session_.failed() ? Phase::kBegun : Phase::kRan;
    settled_.notify_all();
  }
  return session_.failed() ? caller_status(session_.report().failure.status) : Status::kSuccess;
}

void Vm::leave_save(VMBCHANNEL__& channel) noexcept {
  if (called_from_inside()) return;
  const Hold hold(this);
  std::unique_lock lock(mutex_);
  settle(lock);
  if (!channel.saving) return;
  channel.saving = false;
  if (--joined_ == 0) end_locked(lock);
}

void Vm::end_locked(std::unique_lock<std::mutex>& lock) noexcept {
  phase_ = Phase::kEnding;
  lock.unlock();
  {
    const CallScope inside(this, nullptr);
    session_.end(EndMode::kResume);  // or discards, channel by channel
  }
  go_on();
  session_.prepare_next();
  lock.lock();
  phase_ = Phase::kIdle;
  carry_out_disables();
  settled_.notify_all();
}

// Backwards, as visit may take the channel out.
template <class Visit>
void Vm::for_each_leaving(Visit&& visit) {
  for (std::size_t i = channels_.channels().size(); i-- > 0;) {
    VMBCHANNEL__& channel = *channels_.channels()[i]->config().handle;
    if (channel.disable_pending) visit(channel);
  }
}

// After a save or a begin that failed, without the lock: what waited for it goes on, and what leaving channels have
// sent ends. No channel comes or goes meanwhile.
void Vm::go_on() noexcept {
  for (const packet::Channel* channel : channels_.channels()) {
    VMBCHANNEL__& woken = *channel->config().handle;
    woken.gate.wake(woken.transport, woken.transport_context, true);
  }
  for_each_leaving([](VMBCHANNEL__& leaving) {
    if (!leaving.discarded) leaving.sends.cancel(true);
  });
}

void Vm::carry_out_disables() noexcept {
  for_each_leaving([](VMBCHANNEL__& leaving) {
    disable_now(leaving);
    if (leaving.cleanup_pending) destroy_now(&leaving);
  });
}

Status Vm::begin_change() noexcept {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kIdle) return Status::kDeviceBusy;
  ++changing_;
  return Status::kSuccess;
}

void Vm::end_change() noexcept {
  const std::lock_guard lock(mutex_);
  --changing_;
}

Status Vm::set_options(const VMBS_SAVE_OPTIONS& options) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kIdle) return Status::kDeviceBusy;
  std::unique_ptr<Executor> executor = executor_for(options);
  const bool has_stretches = executor != nullptr && options.MemoryBudget == 0;
  const unsigned threads = has_stretches ? executor->concurrency() : 1;
  if (!session_.reserve(options.ReserveBytes, threads)) return Status::kInsufficientResources;
  executor_ = std::move(executor);
  options_ = {.executor = executor_.get(),
              .deadline_ns = options.DeadlineNs,
              .memory_budget = options.MemoryBudget,
              .growth_retries = options.GrowthRetries,
              .checksum = options.Checksum != 0,
              .plan = static_cast<SavePlan>(options.Plan),
              .serial_below = options.SerialBelow};
  require_paused_ = options.RequirePaused != 0;
  return Status::kSuccess;
}

}  // namespace vmbsave::kmcl
