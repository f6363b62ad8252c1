#include "kmcl/channel.hpp"

using vmbsave::Status;
using vmbsave::kmcl::to_ntstatus;
using vmbsave::packet::Packet;

NTSTATUS VmbChannelRestoreFromBuffer(VMBCHANNEL Channel, PVOID Buffer, ULONG BufferSize) {
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Buffer == nullptr) return STATUS_INVALID_PARAMETER_2;
  if (vmbsave::kmcl::called_by_vm_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  const std::lock_guard lock(Channel->changing);
  if (!vmbsave::kmcl::is_enabled(Channel) || Channel->started) return STATUS_INVALID_DEVICE_STATE;
  vmbsave::kmcl::Vm& vm = *Channel->vm;
  if (const Status status = vm.begin_change(); status != Status::kSuccess) return to_ntstatus(status);
  Channel->restore_owed = true;
  Status status;
  {
    const vmbsave::kmcl::CallContext::Scope inside({&vm, Channel});
    status = Channel->restore->feed({static_cast<const std::byte*>(Buffer), BufferSize});
  }
  if (status == Status::kSuccess && Channel->open.load_relaxed() && !vmbsave::kmcl::reserve_completions(*Channel)) {
    Channel->channel->drop_all();
    Channel->restore.emplace(*Channel->channel);
    status = Status::kQuotaExceeded;
  }
  if (status == Status::kSuccess) Channel->restore_owed = false;
  vm.end_change();
  return to_ntstatus(status);
}

NTSTATUS VmbPacketRestore(VMBPACKET PacketObject, PVOID Buffer, ULONG BufferSize) {
  if (PacketObject == nullptr || Buffer == nullptr) return STATUS_INVALID_PARAMETER;
  Packet& packet = *vmbsave::packet::from_handle(PacketObject);
  const auto& channel = *static_cast<vmbsave::packet::Channel*>(packet.channel);
  const bool made_by_vsp =
      packet.origin == vmbsave::packet::Origin::kAllocated || packet.origin == vmbsave::packet::Origin::kCaller;
  if (!made_by_vsp || channel.restore_target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  return to_ntstatus(
      channel.restore_target->restore_packet(packet, {static_cast<const std::byte*>(Buffer), BufferSize}));
}
