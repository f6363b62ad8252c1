#include "kmcl/channel.hpp"

using vmbsave::kmcl::to_ntstatus;
using vmbsave::packet::Packet;

NTSTATUS VmbChannelRestoreFromBuffer(VMBCHANNEL Channel, PVOID Buffer, ULONG BufferSize) {
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Buffer == nullptr) return STATUS_INVALID_PARAMETER_2;
  if (Channel->state != VMBCHANNEL__::State::kEnabled || Channel->saving ||
      Channel->channel->restore_target != nullptr) {
    return STATUS_INVALID_DEVICE_STATE;
  }
  return to_ntstatus(Channel->restore->feed({static_cast<const std::byte*>(Buffer), BufferSize}));
}

NTSTATUS VmbPacketRestore(VMBPACKET PacketObject, PVOID Buffer, ULONG BufferSize) {
  if (PacketObject == nullptr || Buffer == nullptr) return STATUS_INVALID_PARAMETER;
  Packet& packet = *vmbsave::packet::from_handle(PacketObject);
  const auto& channel = *static_cast<vmbsave::packet::Channel*>(packet.channel);
  if (packet.origin != vmbsave::packet::Origin::kAllocated || channel.restore_target == nullptr) {
    return STATUS_INVALID_DEVICE_STATE;
  }
  return to_ntstatus(
      channel.restore_target->restore_packet(packet, {static_cast<const std::byte*>(Buffer), BufferSize}));
}
