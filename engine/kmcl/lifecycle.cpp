// lifecycle.cpp: enabled, open, started; and the state change callbacks on the way.
#include <chrono>
#include <memory>
#include <new>
#include <thread>

#include "kmcl/channel.hpp"

using vmbsave::Status;
using vmbsave::kmcl::called_by_callback;
using vmbsave::kmcl::called_by_vm_callback;
using vmbsave::kmcl::is_enabled;
using vmbsave::kmcl::is_live;
using vmbsave::kmcl::to_ntstatus;
using State = VMBCHANNEL__::State;

namespace vmbsave::kmcl {
namespace {

template <class Callback>
void notify(VMBCHANNEL__& channel, Callback callback) noexcept {
  if (callback == nullptr) return;
  const CallScope inside(channel.vm, &channel);
  try {
    callback(&channel);
  } catch (...) {
    channel.counters.misuses.fetch_add_relaxed(1);
  }
}

// A VSP takes as long as its backing store: after some rounds the waiter sleeps.
void await_completions(packet::Channel& channel) noexcept {
  constexpr unsigned kAwakeRounds = 200;
  constexpr auto kSleep = std::chrono::microseconds(50);
  for (unsigned round = 0; channel.table().count_uncompleted() != 0; ++round) {
    if (round < kAwakeRounds) {
      base::Atomic<std::uint64_t>::wait_round(round);
    } else {
      std::this_thread::sleep_for(kSleep);
    }
  }
  (void)channel.table().meet_completions();  // what the completing threads did is over, and seen to be
}

}  // namespace

bool called_by_callback(VMBCHANNEL__& channel) noexcept {
  const bool inside = CallScope::of_channel(&channel) || CallScope::of_save(channel.vm) ||
                      save::InsideCallbacks::of(&channel.vm->session());
  if (inside) channel.counters.misuses.fetch_add_relaxed(1);
  return inside;
}

bool called_by_vm_callback(VMBCHANNEL__& channel) noexcept {
  const bool inside = CallScope::of_vm(channel.vm) || save::InsideCallbacks::of(&channel.vm->session());
  if (inside) channel.counters.misuses.fetch_add_relaxed(1);
  return inside;
}

void become_active(VMBCHANNEL__& channel) noexcept {
  notify(channel, channel.state_change.EvtChannelStarted);
  channel.sends.open_ring();
  channel.gate.open();
  channel.active.store_relaxed(true);
  notify(channel, channel.state_change.EvtChannelPostStarted);
  channel.gate.wake(channel.transport, channel.transport_context, true);
}

void leave_active(VMBCHANNEL__& channel, bool drain) noexcept {
  channel.gate.close();
  channel.sends.close_ring();
  channel.active.store_relaxed(false);
  notify(channel, channel.state_change.EvtChannelSuspend);
  if (drain) await_completions(*channel.channel);
}

void release_completions(VMBCHANNEL__& channel, std::uint32_t count) noexcept {
  while (count-- > 0) {
    channel.transport.ReleaseCompletion(channel.transport_context, channel.config.result_bytes);
  }
}

void deliver(void* context, const packet::Packet& packet, const void* result) noexcept {
  auto& channel = *static_cast<VMBCHANNEL__*>(context);
  const std::uint32_t reserved = channel.config.result_bytes;
  if (packet.completion_requested && channel.restored_room.load_relaxed() != 0) {
    channel.restored_room.fetch_sub_relaxed(1);
  }
  if (packet.completion_requested && packet.failed) {
    channel.transport.ReleaseCompletion(channel.transport_context, reserved);
  } else if (packet.completion_requested) {
    channel.transport.SendCompletion(channel.transport_context, reserved, packet.transaction_id, result,
                                     packet.data_bytes);
  }
  if (channel.gate.blocked()) channel.gate.wake(channel.transport, channel.transport_context, false);
}

namespace {

// Sets room aside for the completions of packets that were restored before, all or nothing.
bool reserve_completions(VMBCHANNEL__& channel) noexcept {
  const std::uint32_t count = channel.channel->count_awaited();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (channel.transport.ReserveCompletion(channel.transport_context, channel.config.result_bytes) != 0) continue;
    release_completions(channel, i);
    return false;
  }
  return true;
}

Status enable(VMBCHANNEL__& channel) {
  channel.config.handle = &channel;
  channel.config.sink = deliver;
  channel.config.sink_context = &channel;
  channel.config.capacity = channel.quota.load_relaxed();
  channel.retired.reserve(channel.retired.size() + 1);
  channel.sends.prepare();
  ExternalData external_data;
  auto created = std::make_unique<packet::Channel>(channel.vm->channels().control(), channel.config);
  if (!created->reserve()) return Status::kInsufficientResources;
  if (!external_data.reserve(channel.external_limits, channel.config.capacity)) return Status::kInsufficientResources;
  if (const Status status = channel.vm->enable(*created); status != Status::kSuccess) return status;
  channel.external_data = std::move(external_data);
  channel.restore.emplace(*created);
  std::construct_at(&channel.counters);
  channel.queue_failed.store_relaxed(false);
  channel.state.store_relaxed(State::kEnabled);
  channel.sends.start(std::move(created));
  return Status::kSuccess;
}

bool is_complete(const VMBS_TRANSPORT& t) noexcept {
  return t.Size == sizeof(VMBS_TRANSPORT) && t.Peek != nullptr && t.Consume != nullptr &&
         t.ReserveCompletion != nullptr && t.ReleaseCompletion != nullptr && t.SendCompletion != nullptr &&
         t.SendPacket != nullptr && t.Wake != nullptr;
}

NTSTATUS call_opened(VMBCHANNEL__& channel) noexcept {
  if (channel.state_change.EvtChannelOpened == nullptr) return STATUS_SUCCESS;
  const CallScope inside(channel.vm, &channel);
  try {
    return channel.state_change.EvtChannelOpened(&channel);
  } catch (...) {
    return to_ntstatus(Status::kUnhandledException);
  }
}

void set_open(VMBCHANNEL__& channel, bool open) noexcept {
  const std::lock_guard lock(channel.opening);
  // [open] release: the transport, for completions of restored packets.
  channel.open.store_release(open);
}

// No save of the VM runs, and none begins meanwhile.
NTSTATUS open(VMBCHANNEL__& channel, const VMBS_TRANSPORT& transport, PVOID context) noexcept {
  channel.transport = transport;
  channel.transport_context = context;
  if (!reserve_completions(channel)) return STATUS_INSUFFICIENT_RESOURCES;
  set_open(channel, true);
  const NTSTATUS status = call_opened(channel);
  if (NT_SUCCESS(status)) {
    channel.channel->complete_held();
  } else {
    set_open(channel, false);
    release_completions(channel, channel.channel->count_awaited());
  }
  return status;
}

void close(VMBCHANNEL__& channel) noexcept {
  notify(channel, channel.state_change.EvtChannelClosed);
  set_open(channel, false);
}

}  // namespace
}  // namespace vmbsave::kmcl

NTSTATUS VmbChannelEnable(VMBCHANNEL Channel) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (called_by_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  const std::lock_guard lock(Channel->changing);
  if (Channel->state.load_relaxed() != State::kDisabled) return STATUS_INVALID_DEVICE_STATE;
  if (const Status status = Channel->vm->begin_change(); status != Status::kSuccess) return to_ntstatus(status);
  Status status = Status::kInsufficientResources;
  try {
    status = vmbsave::kmcl::enable(*Channel);
  } catch (const std::bad_alloc&) {
  }
  Channel->vm->end_change();
  return to_ntstatus(status);
}

VOID VmbChannelStart(VMBCHANNEL Channel) {
  if (!is_enabled(Channel) || called_by_callback(*Channel)) return;
  const std::lock_guard lock(Channel->changing);
  if (!is_enabled(Channel) || Channel->restore_owed || Channel->started) return;
  Channel->started = true;
  if (Channel->open.load_relaxed()) vmbsave::kmcl::become_active(*Channel);
}

VOID VmbChannelPause(VMBCHANNEL Channel) {
  if (!is_enabled(Channel) || called_by_callback(*Channel)) return;
  const std::lock_guard lock(Channel->changing);
  if (!is_enabled(Channel)) return;
  Channel->started = false;
  if (Channel->active.load_relaxed()) vmbsave::kmcl::leave_active(*Channel, true);
}

NTSTATUS VmbsChannelOpen(VMBCHANNEL Channel, const VMBS_TRANSPORT* Transport, PVOID Context) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Transport == nullptr || !vmbsave::kmcl::is_complete(*Transport)) return STATUS_INVALID_PARAMETER_2;
  if (!is_enabled(Channel) || called_by_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  const std::lock_guard lock(Channel->changing);
  if (!is_enabled(Channel) || Channel->open.load_relaxed()) return STATUS_INVALID_DEVICE_STATE;
  if (const Status status = Channel->vm->begin_change(); status != Status::kSuccess) return to_ntstatus(status);
  const NTSTATUS status = vmbsave::kmcl::open(*Channel, *Transport, Context);
  Channel->vm->end_change();
  if (NT_SUCCESS(status) && Channel->started) vmbsave::kmcl::become_active(*Channel);
  return status;
}

NTSTATUS VmbsChannelClose(VMBCHANNEL Channel) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (!is_enabled(Channel) || called_by_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  const std::lock_guard lock(Channel->changing);
  if (!is_enabled(Channel) || !Channel->open.load_relaxed()) return STATUS_INVALID_DEVICE_STATE;
  if (const Status status = Channel->vm->begin_change(); status != Status::kSuccess) return to_ntstatus(status);
  if (Channel->active.load_relaxed()) vmbsave::kmcl::leave_active(*Channel, false);
  vmbsave::kmcl::await_completions(*Channel->channel);  // of a restored channel that was never started, too
  vmbsave::kmcl::close(*Channel);
  Channel->sends.cancel(false);
  Channel->vm->end_change();
  return STATUS_SUCCESS;
}

VOID VmbChannelDisable(VMBCHANNEL Channel) {
  if (!is_enabled(Channel) || called_by_callback(*Channel)) return;
  const std::lock_guard lock(Channel->changing);
  if (!is_enabled(Channel)) return;
  const bool discard = Channel->saving && Channel->saved;
  if (Channel->active.load_relaxed()) vmbsave::kmcl::leave_active(*Channel, !discard);
  if (Channel->open.load_relaxed()) vmbsave::kmcl::close(*Channel);
  Channel->sends.stop();
  if (Channel->vm->begin_change() == Status::kSuccess) {  // else at the end of the save that runs
    Channel->sends.cancel(true);
    Channel->vm->end_change();
  }
  Channel->started = false;
  Channel->vm->disable(*Channel, discard);
}

VOID VmbChannelCleanup(VMBCHANNEL Channel) {
  if (!is_live(Channel) || called_by_vm_callback(*Channel)) return;
  {
    const std::lock_guard lock(Channel->changing);
    if (is_enabled(Channel)) {
      Channel->gate.close();
      Channel->sends.close_ring();
      Channel->sends.stop();
      Channel->vm->disable(*Channel, true);
    }
  }
  VmbChannelSaveEnd(Channel);
  Channel->vm->destroy(Channel);
}
