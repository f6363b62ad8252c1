/*
 * kmcl_ext.h: what vmbsave adds to the documented surface of kmcl.h. Prefix Vmbs; C11 and C++20.
 */
#ifndef VMBSAVE_KMCL_EXT_H
#define VMBSAVE_KMCL_EXT_H

#include "vmbsave/kmcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- channel configuration (before Enable)
 * --------------------------------------------------------------------------------- */

/* Not 0: SavePacket may run for several packets of this channel at once. Off by default: parallel over channels only.
 */
NTSTATUS VmbsChannelInitSetConcurrentCallbacks(VMBCHANNEL Channel, BOOLEAN Allowed);

/* Where completions go: called once for each completion that the guest may see, from the thread that delivers it. */
typedef VOID VMBS_EVT_COMPLETION(PVOID Context, UINT64 TransactionId, const VOID* Buffer, UINT32 BufferLength);
NTSTATUS VmbsChannelInitSetCompletionSink(VMBCHANNEL Channel, VMBS_EVT_COMPLETION* Sink, PVOID Context);

/* ---- packets
 * ---------------------------------------------------------------------------------------------------------------- */

/* A packet as a guest puts it on the ring. */
typedef struct VMBS_INCOMING_PACKET {
  UINT64 TransactionId;
  PVOID Buffer; /* inline bytes, without VMBus headers */
  UINT32 BufferLength;
  BOOLEAN CompletionRequested;
  PMDL ExternalData; /* NULL if none; must stay valid until the completion was delivered */
} VMBS_INCOMING_PACKET;

/* Hands one packet to a started channel, on the one thread that reads its ring; ProcessPacket runs before the call
 * returns. STATUS_DEVICE_BUSY             a save runs or the channel is not started: the packet stays in the ring
 *   STATUS_INSUFFICIENT_RESOURCES  the transaction quota is used up: the packet stays in the ring */
NTSTATUS VmbsChannelReceivePacket(VMBCHANNEL Channel, const VMBS_INCOMING_PACKET* Packet);

/* The client context of a packet: InitSetClientContextSize bytes, 16-byte aligned; NULL if that is 0. Zeroed by
 * VmbPacketAllocate, not for an incoming packet. */
PVOID VmbsPacketGetClientContext(VMBPACKET Packet);
UINT64 VmbsPacketGetTransactionId(VMBPACKET Packet);

/* ---- virtual machine: all channels of one parent
 * ---------------------------------------------------------------------------- */

/* Threads that a save of this channel's VM uses: 1 runs on the caller alone. Not while a save runs. 1 by default. */
NTSTATUS VmbsChannelSetSaveThreads(VMBCHANNEL Channel, UINT32 Threads);

#ifdef __cplusplus
}
#endif
#endif
