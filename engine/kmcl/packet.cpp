#include "kmcl/channel.hpp"

using vmbsave::packet::ClaimStatus;
using vmbsave::packet::from_handle;
using vmbsave::packet::Packet;
using vmbsave::packet::to_handle;

namespace {

vmbsave::packet::Channel& channel_of(Packet& packet) noexcept {
  return *static_cast<vmbsave::packet::Channel*>(packet.channel);
}

// Hands a published packet to the VSP. Whatever that does, a save does not wait for this packet for ever.
NTSTATUS indicate(VMBCHANNEL__& channel, VMBPACKET packet, const VMBS_INCOMING_PACKET& incoming) noexcept {
  const vmbsave::kmcl::CallContext::Scope inside({channel.vm, &channel});
  const UINT32 flags = incoming.ExternalData != nullptr ? VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA : 0;
  NTSTATUS status = STATUS_SUCCESS;
  try {
    channel.process_packet(&channel, packet, incoming.Buffer, incoming.BufferLength, flags);
    if (channel.processing_complete != nullptr) channel.processing_complete(&channel, 1);
  } catch (...) {
    status = vmbsave::kmcl::to_ntstatus(vmbsave::Status::kUnhandledException);
  }
  channel.channel->indicated();
  return status;
}

}  // namespace

NTSTATUS VmbsChannelReceivePacket(VMBCHANNEL Channel, const VMBS_INCOMING_PACKET* Incoming) {
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Incoming == nullptr) return STATUS_INVALID_PARAMETER_2;
  if (Channel->state != VMBCHANNEL__::State::kStarted || Channel->process_packet == nullptr) return STATUS_DEVICE_BUSY;
  const auto [status, packet] = Channel->channel->claim();
  if (status == ClaimStatus::kPaused) return STATUS_DEVICE_BUSY;
  if (status == ClaimStatus::kFull) return STATUS_INSUFFICIENT_RESOURCES;
  packet->transaction_id = Incoming->TransactionId;
  packet->completion_requested = Incoming->CompletionRequested != 0;
  packet->external_data = Incoming->ExternalData;
  Channel->channel->publish(*packet);
  return indicate(*Channel, to_handle(packet), *Incoming);
}

VOID VmbChannelPacketComplete(VMBPACKETCOMPLETION PacketCompletionContext, PVOID PacketCompletionBuffer,
                              UINT32 BufSize) {
  if (PacketCompletionContext == nullptr || (PacketCompletionBuffer == nullptr && BufSize != 0)) return;
  Packet& packet = *from_handle(PacketCompletionContext);
  if (packet.origin != vmbsave::packet::Origin::kSlot && !packet.in_use) return;
  (void)channel_of(packet).complete(packet, {static_cast<const std::byte*>(PacketCompletionBuffer), BufSize});
}

NTSTATUS VmbChannelPacketGetExternalData(VMBPACKETCOMPLETION PacketCompletionContext, UINT32, PMDL* Mdl) {
  if (PacketCompletionContext == nullptr || Mdl == nullptr) return STATUS_INVALID_PARAMETER;
  const Packet& packet = *from_handle(PacketCompletionContext);
  if (packet.external_data == nullptr) return STATUS_INVALID_PARAMETER;
  *Mdl = static_cast<PMDL>(const_cast<void*>(packet.external_data));
  return STATUS_SUCCESS;
}

VMBPACKET VmbPacketAllocate(VMBCHANNEL Channel) {
  if (!vmbsave::kmcl::is_enabled(Channel)) return nullptr;
  return to_handle(Channel->channel->allocate());
}

VOID VmbPacketFree(VMBPACKET VmbPacket) {
  if (VmbPacket == nullptr) return;
  Packet& packet = *from_handle(VmbPacket);
  if (packet.origin != vmbsave::packet::Origin::kAllocated || packet.in_use) return;
  channel_of(packet).free(packet);
}

VMBCHANNEL VmbPacketGetChannel(VMBPACKET PacketObject) {
  return PacketObject == nullptr ? nullptr : channel_of(*from_handle(PacketObject)).config().handle;
}

PVOID VmbPacketGetPointer(VMBPACKET PacketObject) {
  return PacketObject == nullptr ? nullptr : from_handle(PacketObject)->pointer;
}

VOID VmbPacketSetPointer(VMBPACKET PacketObject, PVOID Pointer) {
  if (PacketObject != nullptr) from_handle(PacketObject)->pointer = Pointer;
}

PVOID VmbsPacketGetClientContext(VMBPACKET PacketObject) {
  if (PacketObject == nullptr) return nullptr;
  Packet& packet = *from_handle(PacketObject);
  return channel_of(packet).config().context_bytes == 0 ? nullptr : packet.context();
}

UINT64 VmbsPacketGetTransactionId(VMBPACKET PacketObject) {
  return PacketObject == nullptr ? 0 : from_handle(PacketObject)->transaction_id;
}
