#include "kmcl/channel.hpp"

#include <new>

using vmbsave::kmcl::is_configurable;
using vmbsave::kmcl::is_live;

namespace {

// Longest that a packet may be: on the ring its length is a 16-bit count of 8 bytes, its descriptor of 16 included.
constexpr UINT32 kMaxPacketBytes = 0xFFFF * 8 - 16;
constexpr UINT32 kMaxContextBytes = 1u << 20;

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

NTSTATUS VmbChannelInitSetMaximumExternalData(VMBCHANNEL Channel, UINT32 DataSize, UINT32 ChainLength) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (DataSize == 0) return STATUS_INVALID_PARAMETER_2;
  if (ChainLength == 0) return STATUS_INVALID_PARAMETER_3;
  Channel->external_limits = {DataSize, ChainLength};
  return STATUS_SUCCESS;
}

// Pipes have no transactions, and so nothing that this library could save.
NTSTATUS VmbChannelInitSetFlags(VMBCHANNEL Channel, UINT32 Flags) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  return Flags == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER_2;
}

NTSTATUS VmbServerChannelInitSetFlags(VMBCHANNEL Channel, UINT32 Flags) {
  constexpr UINT32 kTaken =
      VMBUS_SERVER_CHANNEL_INIT_FLAG_ENUMERATE_DEVICE_INTERFACE | VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL;
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  if ((Flags & ~kTaken) != 0) return STATUS_INVALID_PARAMETER_2;
  Channel->config.abandon_on_restore = (Flags & VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL) != 0;
  return STATUS_SUCCESS;
}

// There is no bus that would offer the channel under these names.
NTSTATUS VmbServerChannelInitSetTargetInterfaceId(VMBCHANNEL Channel, GUID, GUID) {
  return is_configurable(Channel) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER_1;
}

NTSTATUS VmbChannelInitSetStateChangeCallbacks(VMBCHANNEL Channel,
                                               PVMB_CHANNEL_STATE_CHANGE_CALLBACKS StateChangeCallbacks) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (StateChangeCallbacks == nullptr || StateChangeCallbacks->Version != 1 ||
      StateChangeCallbacks->Size != sizeof(VMB_CHANNEL_STATE_CHANGE_CALLBACKS)) {
    return STATUS_INVALID_PARAMETER_2;
  }
  Channel->state_change = *StateChangeCallbacks;
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

NTSTATUS VmbsChannelInitSetMaximumSends(VMBCHANNEL Channel, UINT32 Packets) {
  if (!is_configurable(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Packets > vmbsave::image::kMaxPackets) return STATUS_INVALID_PARAMETER_2;
  Channel->config.sends = Packets;
  return STATUS_SUCCESS;
}

// The table's size is fixed at Enable, at most what a save can hold; within it, the quota follows every call.
VOID VmbChannelSetTransactionQuota(VMBCHANNEL Channel, UINT32 Quota) {
  if (!is_live(Channel) || Quota == 0) return;
  Channel->quota.store_relaxed(Quota < vmbsave::image::kMaxPackets ? Quota : vmbsave::image::kMaxPackets);
}

VOID VmbChannelSetPointer(VMBCHANNEL Channel, PVOID Pointer) {
  if (is_live(Channel)) Channel->pointer = Pointer;
}

PVOID VmbChannelGetPointer(VMBCHANNEL Channel) { return is_live(Channel) ? Channel->pointer : nullptr; }
