#include <cstring>

#include "image/format.hpp"
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
  if (!Channel->restore->may_feed()) {
    vm.end_change();
    return STATUS_INVALID_DEVICE_STATE;
  }
  Channel->restore_owed = true;
  Channel->restored_room.store_relaxed(0);
  Status status;
  {
    const vmbsave::kmcl::CallScope inside(&vm, Channel);
    Channel->sends.begin_restore();
    status = Channel->restore->feed({static_cast<const std::byte*>(Buffer), BufferSize});
    Channel->sends.end_restore();
  }
  if (status != Status::kSuccess) {
    vmbsave::kmcl::release_completions(*Channel, Channel->restored_room.load_relaxed());
  }
  Channel->restored_room.store_relaxed(0);
  if (status == Status::kSuccess) Channel->restore_owed = false;
  vm.end_change();
  return to_ntstatus(status);
}

NTSTATUS VmbsChannelPrepareRestore(VMBCHANNEL Channel, UINT32 Packets) {
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (vmbsave::kmcl::called_by_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  const std::lock_guard lock(Channel->changing);
  if (!vmbsave::kmcl::is_enabled(Channel) || Channel->started) return STATUS_INVALID_DEVICE_STATE;
  const UINT64 most = UINT64{Channel->channel->config().capacity} + Channel->channel->config().sends;
  if (Packets > most) return STATUS_INVALID_PARAMETER_2;
  return Channel->channel->prepare_restore(Packets) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

namespace {

// Room for the completion of the packet in this LibBuf: the VSP may complete it as soon as it has it. False: there is
// none.
bool reserve_completion(VMBCHANNEL__& channel, const void* lib_buf, ULONG bytes, bool& reserved) noexcept {
  vmbsave::image::LibBuf lib{};
  if (bytes >= sizeof lib) std::memcpy(&lib, lib_buf, sizeof lib);
  const bool awaited = lib.direction == static_cast<std::uint8_t>(vmbsave::packet::Direction::kIncoming) &&
                       (lib.flags & vmbsave::image::kLibBufCompletionRequested) != 0;
  reserved = awaited && channel.open.load_relaxed();
  return !reserved || channel.transport.ReserveCompletion(channel.transport_context, channel.config.result_bytes) != 0;
}

}  // namespace

NTSTATUS VmbPacketRestore(VMBPACKET PacketObject, PVOID Buffer, ULONG BufferSize) {
  if (PacketObject == nullptr || Buffer == nullptr) return STATUS_INVALID_PARAMETER;
  Packet& packet = *vmbsave::packet::from_handle(PacketObject);
  const auto& channel = *static_cast<vmbsave::packet::Channel*>(packet.channel);
  const bool made_by_vsp =
      packet.origin == vmbsave::packet::Origin::kAllocated || packet.origin == vmbsave::packet::Origin::kCaller;
  if (!made_by_vsp || channel.restore_target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  VMBCHANNEL__& handle = *channel.config().handle;
  bool reserved = false;
  if (!reserve_completion(handle, Buffer, BufferSize, reserved)) return STATUS_QUOTA_EXCEEDED;
  if (reserved) handle.restored_room.fetch_add_relaxed(1);
  const Status status =
      channel.restore_target->restore_packet(packet, {static_cast<const std::byte*>(Buffer), BufferSize});
  if (status != Status::kSuccess && reserved) {
    handle.restored_room.fetch_sub_relaxed(1);
    vmbsave::kmcl::release_completions(handle, 1);
  }
  return to_ntstatus(status);
}
