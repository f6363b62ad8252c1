// vsp_channel.hpp: the life of a VSP's channel.
#pragma once

#include <new>

#include "vmbsave/kmcl_ext.h"
#include "vmbsave/vsp.h"
#include "vsp/restored_packets.hpp"

namespace vmbsave::bench {

// A VSP's own state of a channel: what the channel's pointer points to from configure to release.
struct VspChannel {
  VMBS_VSP_BACKEND backend;
  RestoredPackets restored;
};

inline VspChannel& vsp_channel(VMBCHANNEL channel) { return *static_cast<VspChannel*>(VmbChannelGetPointer(channel)); }

struct VspSettings {
  UINT32 context_bytes;        // of client context in each packet
  UINT32 packet_bytes;         // longest packet of the guest
  UINT32 external_bytes;       // most external data of one,
  UINT32 external_ranges = 1;  // and most ranges that it comes in
  UINT32 sends = 0;            // packets of the VSP in use at a time, unless whoever enables the channel says otherwise
  PFN_VMB_CHANNEL_PROCESS_PACKET process_packet;
  PFN_VMB_CHANNEL_SAVE_PACKET save_packet;
  PFN_VMB_CHANNEL_RESTORE_PACKET restore_packet;
  bool concurrent_callbacks;
};

inline NTSTATUS init_channel(VMBCHANNEL channel, const VspSettings& settings) {
  constexpr auto set_save_restore = VmbServerChannelInitSetSaveRestorePacketCallbacks;
  NTSTATUS status = VmbChannelInitSetClientContextSize(channel, settings.context_bytes);
  if (NT_SUCCESS(status)) status = VmbChannelInitSetMaximumPacketSize(channel, settings.packet_bytes);
  if (NT_SUCCESS(status)) {
    status = VmbChannelInitSetMaximumExternalData(channel, settings.external_bytes, settings.external_ranges);
  }
  if (NT_SUCCESS(status)) status = VmbsChannelInitSetMaximumSends(channel, settings.sends);
  if (NT_SUCCESS(status)) status = VmbChannelInitSetProcessPacketCallbacks(channel, settings.process_packet, nullptr);
  if (NT_SUCCESS(status)) status = set_save_restore(channel, settings.save_packet, settings.restore_packet);
  if (NT_SUCCESS(status)) {
    status = VmbsChannelInitSetConcurrentCallbacks(channel, settings.concurrent_callbacks ? 1 : 0);
  }
  return status;
}

// VMBS_VSP::configure, of a VSP that keeps nothing more of a channel.
inline NTSTATUS configure_channel(VMBCHANNEL channel, const VMBS_VSP_BACKEND& backend, const VspSettings& settings) {
  const NTSTATUS status = init_channel(channel, settings);
  if (!NT_SUCCESS(status)) return status;
  auto* const self = new (std::nothrow) VspChannel{backend, {}};
  if (self == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  VmbChannelSetPointer(channel, self);
  return STATUS_SUCCESS;
}

// VMBS_VSP::reissue. Each packet leaves the list before it starts: when start(channel, packet) returns, its context may
// be another request's.
template <void (*start)(const VspChannel&, VMBPACKET)>
void reissue(VMBCHANNEL channel) {
  VspChannel& self = vsp_channel(channel);
  for (VMBPACKET packet = self.restored.pop(); packet != nullptr; packet = self.restored.pop()) start(self, packet);
}

// VMBS_VSP::release.
inline void release(VMBCHANNEL channel) {
  delete &vsp_channel(channel);
  VmbChannelSetPointer(channel, nullptr);
}

}  // namespace vmbsave::bench
