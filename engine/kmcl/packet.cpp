#include <cstring>
#include <new>

#include "kmcl/channel.hpp"

using vmbsave::Status;
using vmbsave::kmcl::is_enabled;
using vmbsave::kmcl::is_live;
using vmbsave::packet::Direction;
using vmbsave::packet::from_handle;
using vmbsave::packet::is_current;
using vmbsave::packet::Origin;
using vmbsave::packet::Packet;
using vmbsave::packet::to_handle;

namespace {

vmbsave::packet::Channel& channel_of(const Packet& packet) noexcept {
  return *static_cast<vmbsave::packet::Channel*>(packet.channel);
}
VMBCHANNEL__& handle_of(const Packet& packet) noexcept { return *channel_of(packet).config().handle; }

void misuse(const Packet& packet) noexcept { handle_of(packet).counters.misuses.fetch_add_relaxed(1); }

// Completes a packet of the guest's, or holds it until the guest has the channel open. After a success neither the
// packet nor the channel may be touched: they may be gone.
Status complete(Packet& packet, std::span<const std::byte> result) noexcept {
  VMBCHANNEL__& channel = handle_of(packet);
  // [open] acquire: the transport that the completion goes to.
  if (packet.completion_requested && !channel.open.load_acquire()) {
    const std::lock_guard lock(channel.opening);
    if (!channel.open.load_relaxed()) return channel_of(packet).hold(packet, result);
  }
  return channel_of(packet).complete(packet, result);
}

// Whether ProcessPacket runs for this packet, on this thread.
bool is_being_indicated(const Packet& packet) noexcept {
  const VMBCHANNEL__& channel = handle_of(packet);
  return vmbsave::kmcl::CallScope::of_channel(&channel) && channel.indicating == &packet;
}

}  // namespace

VOID VmbChannelPacketComplete(VMBPACKETCOMPLETION PacketCompletionContext, PVOID PacketCompletionBuffer,
                              UINT32 BufSize) {
  if (PacketCompletionContext == nullptr) return;
  Packet& packet = *from_handle(PacketCompletionContext);
  if (!is_current(PacketCompletionContext) || packet.direction != Direction::kIncoming ||
      (PacketCompletionBuffer == nullptr && BufSize != 0)) {
    misuse(packet);
    return;
  }
  VMBCHANNEL__& channel = handle_of(packet);
  const Status status = complete(packet, {static_cast<const std::byte*>(PacketCompletionBuffer), BufSize});
  if (status != Status::kSuccess) channel.counters.misuses.fetch_add_relaxed(1);
}

VOID VmbChannelPacketFail(VMBPACKETCOMPLETION PacketCompletionContext) {
  if (PacketCompletionContext == nullptr) return;
  Packet& packet = *from_handle(PacketCompletionContext);
  if (!is_current(PacketCompletionContext) || packet.direction != Direction::kIncoming ||
      !handle_of(packet).open.load_relaxed() || !channel_of(packet).table().in_use(packet.slot)) {
    misuse(packet);
    return;
  }
  handle_of(packet).queue_failed.store_relaxed(true);
  (void)channel_of(packet).fail(packet);
}

VOID VmbChannelPacketDeferToPassive(VMBPACKETCOMPLETION PacketCompletionContext) {
  if (PacketCompletionContext == nullptr) return;
  const Packet& packet = *from_handle(PacketCompletionContext);
  VMBCHANNEL__& channel = handle_of(packet);
  if (!is_being_indicated(packet) || channel.deferred) {
    misuse(packet);
    return;
  }
  channel.deferred = true;
  channel.indicate_again = true;
}

NTSTATUS VmbChannelPacketGetExternalData(VMBPACKETCOMPLETION PacketCompletionContext, UINT32 Flags, PMDL* Mdl) {
  if (PacketCompletionContext == nullptr || Mdl == nullptr) return STATUS_INVALID_PARAMETER;
  if ((Flags & ~UINT32{VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAGS}) != 0) return STATUS_INVALID_PARAMETER_2;
  Packet& packet = *from_handle(PacketCompletionContext);
  if (packet.direction != Direction::kIncoming || packet.external_data == nullptr) return STATUS_INVALID_PARAMETER;
  if (packet.external_pending && is_being_indicated(packet)) {
    packet.external_pending = false;
    handle_of(packet).indicate_again = true;
    return STATUS_PENDING;
  }
  *Mdl = static_cast<PMDL>(const_cast<void*>(packet.external_data));
  return STATUS_SUCCESS;
}

VMBPACKET VmbPacketAllocate(VMBCHANNEL Channel) {
  return is_live(Channel) ? to_handle(Channel->sends.allocate()) : nullptr;
}

VOID VmbPacketFree(VMBPACKET VmbPacket) {
  if (VmbPacket == nullptr) return;
  Packet& packet = *from_handle(VmbPacket);
  if (packet.origin != Origin::kAllocated || packet.in_use) {
    misuse(packet);
    return;
  }
  channel_of(packet).free(packet);
}

UINT32 VmbChannelSizeofPacket(VMBCHANNEL Channel) {
  if (!is_live(Channel)) return 0;
  return static_cast<UINT32>(
      vmbsave::packet::packet_stride(Channel->config.context_bytes, Channel->config.result_bytes));
}

NTSTATUS VmbPacketInitialize(VMBCHANNEL Channel, VMBPACKET VmbPacket, UINT32 ByteCount) {
  if (!is_enabled(Channel)) return STATUS_INVALID_PARAMETER_1;
  const std::lock_guard lock(Channel->life);
  if (Channel->channel == nullptr) return STATUS_INVALID_PARAMETER_1;
  if (VmbPacket == nullptr || !vmbsave::base::is_aligned(VmbPacket, alignof(Packet))) return STATUS_INVALID_PARAMETER_2;
  if (ByteCount < VmbChannelSizeofPacket(Channel)) return STATUS_INVALID_PARAMETER_3;
  auto* const packet = new (VmbPacket) Packet{};
  packet->channel = Channel->channel.get();
  packet->origin = Origin::kCaller;
  packet->direction = Direction::kOutgoing;
  std::memset(packet->context(), 0, Channel->config.context_bytes);
  return STATUS_SUCCESS;
}

NTSTATUS VmbPacketSend(VMBPACKET PacketObject, PVOID Buffer, UINT32 BufferLength, PMDL ExternalDataMdl, UINT32 Flags) {
  if (PacketObject == nullptr) return STATUS_INVALID_PARAMETER_1;
  Packet& packet = *from_handle(PacketObject);
  if ((Buffer == nullptr && BufferLength != 0) || BufferLength > channel_of(packet).config().result_bytes) {
    return STATUS_INVALID_PARAMETER_2;
  }
  if (ExternalDataMdl != nullptr) return STATUS_INVALID_PARAMETER_4;
  if ((Flags & ~UINT32{VMBUS_CHANNEL_FORMAT_FLAGS}) != 0) return STATUS_INVALID_PARAMETER_5;
  return vmbsave::kmcl::to_ntstatus(
      handle_of(packet).sends.send(packet, {static_cast<const std::byte*>(Buffer), BufferLength},
                                   (Flags & VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION) != 0));
}

VOID VmbPacketSetCompletionRoutine(VMBPACKET PacketObject, PFN_VMB_PACKET_COMPLETION_ROUTINE CompletionRoutine) {
  if (PacketObject == nullptr) return;
  Packet& packet = *from_handle(PacketObject);
  if (packet.direction == Direction::kOutgoing) {
    packet.completion_routine = CompletionRoutine;
  } else {
    misuse(packet);
  }
}

VMBCHANNEL VmbPacketGetChannel(VMBPACKET PacketObject) {
  return PacketObject == nullptr ? nullptr : &handle_of(*from_handle(PacketObject));
}

PVOID VmbPacketGetPointer(VMBPACKET PacketObject) {
  return PacketObject == nullptr ? nullptr : from_handle(PacketObject)->pointer;
}

VOID VmbPacketSetPointer(VMBPACKET PacketObject, PVOID Pointer) {
  if (PacketObject != nullptr) from_handle(PacketObject)->pointer = Pointer;
}

PVOID VmbsPacketGetClientContext(VMBPACKET Packet) {
  if (Packet == nullptr) return nullptr;
  auto& packet = *from_handle(Packet);
  return channel_of(packet).config().context_bytes == 0 ? nullptr : packet.context();
}

UINT64 VmbsPacketGetTransactionId(VMBPACKET Packet) {
  return Packet == nullptr ? 0 : from_handle(Packet)->transaction_id;
}
