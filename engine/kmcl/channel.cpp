#include "kmcl/channel.hpp"

#include <new>

#include "packet/vm.hpp"

using vmbsave::Status;
using vmbsave::kmcl::is_configurable;
using vmbsave::kmcl::is_enabled;
using vmbsave::kmcl::is_live;
using vmbsave::kmcl::to_ntstatus;
using State = VMBCHANNEL__::State;

namespace {

// Longest that a packet may be: on the ring its length is a 16-bit count of 8 bytes.
constexpr UINT32 kMaxPacketBytes = 0xFFFF * 8;
constexpr UINT32 kMaxContextBytes = 1u << 20;

NTSTATUS enable(VMBCHANNEL__& channel) {
  channel.config.handle = &channel;
  channel.retired.reserve(channel.retired.size() + 1);
  auto created = std::make_unique<vmbsave::packet::Channel>(channel.vm->channels().control(), channel.config);
  if (!created->reserve()) return STATUS_INSUFFICIENT_RESOURCES;
  if (const Status status = channel.vm->enable(*created); status != Status::kSuccess) return to_ntstatus(status);
  channel.channel = std::move(created);
  channel.restore.emplace(*channel.channel);
  channel.state = State::kEnabled;
  return STATUS_SUCCESS;
}

}  // namespace

NTSTATUS VmbChannelAllocate(PDEVICE_OBJECT ParentDeviceObject, BOOLEAN IsServer, VMBCHANNEL* Channel) {
  if (IsServer == 0) return STATUS_INVALID_PARAMETER_2;
  if (Channel == nullptr) return STATUS_INVALID_PARAMETER_3;
  try {
    auto channel = std::make_unique<VMBCHANNEL__>();
    channel->vm = vmbsave::kmcl::Vm::acquire(ParentDeviceObject);
    *Channel = channel.release();
    return STATUS_SUCCESS;
  } catch (const std::bad_alloc&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
}

VOID VmbChannelCleanup(VMBCHANNEL Channel) {
  if (!is_live(Channel)) return;
  if (vmbsave::kmcl::call_context.channel == Channel) return;  // from inside its own ProcessPacket or RestorePacket
  VmbChannelDisable(Channel);
  VmbChannelSaveEnd(Channel);
  Channel->vm->destroy(Channel);
}

NTSTATUS VmbChannelInitSetClientContextSize(VMBCHANNEL Channel, UINT32 ContextSize) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (ContextSize > kMaxContextBytes) return STATUS_INVALID_PARAMETER_2;
  Channel->config.context_bytes = ContextSize;
  return STATUS_SUCCESS;
}

NTSTATUS VmbChannelInitSetMaximumPacketSize(VMBCHANNEL Channel, UINT32 PacketSize) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (PacketSize == 0 || PacketSize > kMaxPacketBytes) return STATUS_INVALID_PARAMETER_2;
  Channel->config.result_bytes = PacketSize;
  return STATUS_SUCCESS;
}

NTSTATUS VmbChannelInitSetProcessPacketCallbacks(VMBCHANNEL Channel,
                                                 PFN_VMB_CHANNEL_PROCESS_PACKET ProcessPacketCallback,
                                                 PFN_VMB_CHANNEL_PROCESSING_COMPLETE ProcessingCompleteCallback) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  Channel->process_packet = ProcessPacketCallback;
  Channel->processing_complete = ProcessingCompleteCallback;
  return STATUS_SUCCESS;
}

NTSTATUS VmbServerChannelInitSetSaveRestorePacketCallbacks(VMBCHANNEL Channel,
                                                           PFN_VMB_CHANNEL_SAVE_PACKET SavePacketCallback,
                                                           PFN_VMB_CHANNEL_RESTORE_PACKET RestorePacketCallback) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  Channel->config.save_packet = SavePacketCallback;
  Channel->config.restore_packet = RestorePacketCallback;
  return STATUS_SUCCESS;
}

NTSTATUS VmbsChannelInitSetConcurrentCallbacks(VMBCHANNEL Channel, BOOLEAN Allowed) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  Channel->config.concurrent_callbacks = Allowed != 0;
  return STATUS_SUCCESS;
}

NTSTATUS VmbsChannelInitSetCompletionSink(VMBCHANNEL Channel, VMBS_EVT_COMPLETION* Sink, PVOID Context) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  Channel->config.sink = Sink;
  Channel->config.sink_context = Context;
  return STATUS_SUCCESS;
}

// Takes effect at the next Enable; beyond what a save can hold it is cut to that.
VOID VmbChannelSetTransactionQuota(VMBCHANNEL Channel, UINT32 Quota) {
  if (!is_live(Channel) || Quota == 0) return;
  Channel->config.capacity = Quota < vmbsave::image::kMaxPackets ? Quota : vmbsave::image::kMaxPackets;
}

VOID VmbChannelSetPointer(VMBCHANNEL Channel, PVOID Pointer) {
  if (is_live(Channel)) Channel->pointer = Pointer;
}

PVOID VmbChannelGetPointer(VMBCHANNEL Channel) { return is_live(Channel) ? Channel->pointer : nullptr; }

NTSTATUS VmbChannelEnable(VMBCHANNEL Channel) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Channel->state != State::kDisabled) return STATUS_INVALID_DEVICE_STATE;
  try {
    return enable(*Channel);
  } catch (const std::bad_alloc&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
}

VOID VmbChannelDisable(VMBCHANNEL Channel) {
  if (!is_enabled(Channel)) return;
  Channel->vm->disable(*Channel);
}

VOID VmbChannelStart(VMBCHANNEL Channel) {
  if (!is_enabled(Channel) || Channel->restore_owed) return;
  Channel->state = State::kStarted;
}

NTSTATUS VmbsChannelSetSaveThreads(VMBCHANNEL Channel, UINT32 Threads) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Threads == 0 || Threads > 1024) return STATUS_INVALID_PARAMETER_2;
  try {
    return to_ntstatus(Channel->vm->set_threads(Threads));
  } catch (const std::bad_alloc&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
}
