// restored_packets.hpp: the packets restored on a channel, in restore order, until its VSP re-issues them.
#pragma once

#include "vmbsave/kmcl_ext.h"

namespace vmbsave::bench {

// Linked through the packets' own pointers (VmbPacketSetPointer), which are the list's until the packet has left it.
// Used by one thread at a time, as RestorePacket runs serially within a channel.
class RestoredPackets {
 public:
  // What a RestorePacket does: a new packet takes the VSP's state, then its place among the packets in use, then its
  // place here. After a failure the list is empty, because the library empties the channel.
  //   read(packet)         reads the state into the packet's context; false: the state is refused
  //   is_own(packet)       called when the packet has its transaction id; false: the state is another packet's
  //   is_reissued(packet)  whether the packet is to be re-issued: one that awaits its guest may be gone before
  template <class Read, class IsOwn, class IsReissued>
  NTSTATUS restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, Read&& read, IsOwn&& is_own,
                   IsReissued&& is_reissued) {
    const NTSTATUS status = restore_one(channel, lib_buf, lib_buf_size, read, is_own, is_reissued);
    if (!NT_SUCCESS(status)) first_ = nullptr;
    return status;
  }

  template <class Read, class IsOwn>
  NTSTATUS restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, Read&& read, IsOwn&& is_own) {
    return restore(channel, lib_buf, lib_buf_size, read, is_own, [](VMBPACKET) { return true; });
  }

  // The first packet, taken off the list; nullptr: there is none.
  VMBPACKET pop() {
    const VMBPACKET packet = first_;
    if (packet != nullptr) {
      first_ = static_cast<VMBPACKET>(VmbPacketGetPointer(packet));
      VmbPacketSetPointer(packet, nullptr);
    }
    return packet;
  }

 private:
  template <class Read, class IsOwn, class IsReissued>
  NTSTATUS restore_one(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, Read& read, IsOwn& is_own,
                       IsReissued& is_reissued) {
    const VMBPACKET packet = VmbPacketAllocate(channel);
    if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const NTSTATUS status = read(packet) ? VmbPacketRestore(packet, lib_buf, lib_buf_size) : STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(status)) {
      VmbPacketFree(packet);
      return status;
    }
    if (!is_own(packet)) return STATUS_INVALID_PARAMETER;  // in use by now: the library takes it back
    if (is_reissued(packet)) append(packet);
    return STATUS_SUCCESS;
  }

  void append(VMBPACKET packet) {
    VmbPacketSetPointer(packet, nullptr);
    if (first_ == nullptr) {
      first_ = packet;
    } else {
      VmbPacketSetPointer(last_, packet);
    }
    last_ = packet;
  }

  VMBPACKET first_ = nullptr;
  VMBPACKET last_ = nullptr;  // while first_ is not
};

}  // namespace vmbsave::bench
