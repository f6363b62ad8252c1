/*
 * kmcl.h: the documented save and restore surface of Hyper-V's Kernel Mode Client Library, in user mode.
 *
 * Declares documented names only, with 32-bit sizes; everything of vmbsave's own is in kmcl_ext.h. Names and signatures are facts
 * from the public documentation of vmbuskernelmodeclientlibapi.h; vmbsave is not affiliated with Microsoft.
 * C11 and C++20. May follow <windows.h>; needs nothing but <stdint.h> and <stddef.h>.
 *
 * Order of calls:
 *   Allocate -> Init* -> Enable -> Start -> packets
 *   save:    SaveBegin -> SaveContinue until STATUS_SUCCESS -> SaveEnd
 *   restore: Allocate -> Init* -> Enable -> RestoreFromBuffer until STATUS_SUCCESS -> Start
 */
#ifndef VMBSAVE_KMCL_H
#define VMBSAVE_KMCL_H

#include <stddef.h>
#include <stdint.h>

/* ---- base types, unless a Windows header brought them ---------------------------------------------------------------- */
#if !defined(_WINDEF_) && !defined(_MINWINDEF_) && !defined(_WINNT_) && !defined(_NTDEF_) && !defined(__WINE_WINDEF_H)
typedef void *PVOID;
typedef uint8_t UINT8;
typedef uint16_t UINT16;
typedef uint32_t UINT32;
typedef uint32_t *PUINT32;
typedef uint64_t UINT64;
typedef uint8_t BOOLEAN;
#ifdef _WIN32
typedef long LONG;
typedef unsigned long ULONG;
#else
typedef int32_t LONG; /* 32 bits on every target, as on Windows */
typedef uint32_t ULONG;
#endif
typedef ULONG *PULONG;
#ifndef VOID
#define VOID void
#endif
#endif

#ifndef _NTDEF_
typedef LONG NTSTATUS;
#endif
#ifdef __cplusplus
#define VMBSAVE_NTSTATUS(Value) static_cast<NTSTATUS>(Value)
#else
#define VMBSAVE_NTSTATUS(Value) ((NTSTATUS)(Value))
#endif
#ifndef NT_SUCCESS
#define NT_SUCCESS(Status) (VMBSAVE_NTSTATUS(Status) >= 0)
#endif

#ifndef STATUS_SUCCESS
#define STATUS_SUCCESS VMBSAVE_NTSTATUS(0x00000000)
#endif
#ifndef STATUS_PENDING
#define STATUS_PENDING VMBSAVE_NTSTATUS(0x00000103)
#endif
#ifndef STATUS_BUFFER_OVERFLOW
#define STATUS_BUFFER_OVERFLOW VMBSAVE_NTSTATUS(0x80000005)
#endif
#ifndef STATUS_UNSUCCESSFUL
#define STATUS_UNSUCCESSFUL VMBSAVE_NTSTATUS(0xC0000001)
#endif
#ifndef STATUS_INVALID_HANDLE
#define STATUS_INVALID_HANDLE VMBSAVE_NTSTATUS(0xC0000008)
#endif
#ifndef STATUS_INVALID_PARAMETER
#define STATUS_INVALID_PARAMETER VMBSAVE_NTSTATUS(0xC000000D)
#endif
#ifndef STATUS_MORE_PROCESSING_REQUIRED
#define STATUS_MORE_PROCESSING_REQUIRED VMBSAVE_NTSTATUS(0xC0000016)
#endif
#ifndef STATUS_BUFFER_TOO_SMALL
#define STATUS_BUFFER_TOO_SMALL VMBSAVE_NTSTATUS(0xC0000023)
#endif
#ifndef STATUS_INSUFFICIENT_RESOURCES
#define STATUS_INSUFFICIENT_RESOURCES VMBSAVE_NTSTATUS(0xC000009A)
#endif
#ifndef STATUS_INVALID_PARAMETER_1
#define STATUS_INVALID_PARAMETER_1 VMBSAVE_NTSTATUS(0xC00000EF)
#endif
#ifndef STATUS_INVALID_PARAMETER_2
#define STATUS_INVALID_PARAMETER_2 VMBSAVE_NTSTATUS(0xC00000F0)
#endif
#ifndef STATUS_INVALID_PARAMETER_3
#define STATUS_INVALID_PARAMETER_3 VMBSAVE_NTSTATUS(0xC00000F1)
#endif
#ifndef STATUS_INVALID_DEVICE_STATE
#define STATUS_INVALID_DEVICE_STATE VMBSAVE_NTSTATUS(0xC0000184)
#endif
#ifndef STATUS_DEVICE_BUSY
#define STATUS_DEVICE_BUSY VMBSAVE_NTSTATUS(0x80000011)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- kernel types that the prototypes name ----------------------------------------------------------------------------- */
#if !defined(_WDMDDK_) && !defined(_NTDDK_)
/* Identity of the parent device: channels with the same non-NULL parent form one virtual machine. Never dereferenced. */
typedef struct _DEVICE_OBJECT *PDEVICE_OBJECT;

typedef uintptr_t PFN_NUMBER;
typedef PFN_NUMBER *PPFN_NUMBER;

/* Memory descriptor list: pages of the guest that a packet describes. ByteCount bytes from ByteOffset within the first page; the page
 * numbers follow the structure. */
typedef struct _MDL {
  struct _MDL *Next;
  int16_t Size;
  int16_t MdlFlags;
  struct _EPROCESS *Process;
  PVOID MappedSystemVa;
  PVOID StartVa;
  ULONG ByteCount;
  ULONG ByteOffset;
} MDL, *PMDL;

#define MmGetMdlByteCount(Mdl) ((Mdl)->ByteCount)
#define MmGetMdlByteOffset(Mdl) ((Mdl)->ByteOffset)
#ifdef __cplusplus
#define MmGetMdlPfnArray(Mdl) (reinterpret_cast<PPFN_NUMBER>((Mdl) + 1))
#else
#define MmGetMdlPfnArray(Mdl) ((PPFN_NUMBER)((Mdl) + 1))
#endif
#endif

/* ---- handles -------------------------------------------------------------------------------------------------------------- */
typedef struct VMBCHANNEL__ *VMBCHANNEL;
typedef struct VMBPACKET__ *VMBPACKET;
/* One type with VMBPACKET: SavePacket is asked about incoming packets too. */
typedef struct VMBPACKET__ *VMBPACKETCOMPLETION;

/* ---- callbacks ------------------------------------------------------------------------------------------------------------ */

/* A packet came in. Buffer is the packet without VMBus headers, valid during the call. Each one must be completed, now or later. */
typedef VOID EVT_VMB_CHANNEL_PROCESS_PACKET(VMBCHANNEL Channel, VMBPACKETCOMPLETION Packet, PVOID Buffer, UINT32 BufferLength,
                                            UINT32 Flags);
typedef EVT_VMB_CHANNEL_PROCESS_PACKET *PFN_VMB_CHANNEL_PROCESS_PACKET;
#define VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA 0x1

/* A batch of packets was handed out. */
typedef VOID EVT_VMB_CHANNEL_PROCESSING_COMPLETE(VMBCHANNEL Channel, UINT32 PacketsProcessed);
typedef EVT_VMB_CHANNEL_PROCESSING_COMPLETE *PFN_VMB_CHANNEL_PROCESSING_COMPLETE;

/* Saves the VSP's state of one packet in use at the cut, also of one that the VSP has completed since: what it needs must live until the
 * save's end. Runs on any thread; calls into its own save are refused or, if they return nothing, carried out after it. First call: SaveBufSize 0; fail with the size in *BytesNeeded if there is state. Second call:
 * at least that many bytes, 16-byte aligned, zeroed. What is kept: *BytesNeeded of the second call if written and within the buffer,
 * else that of the first. */
typedef NTSTATUS EVT_VMB_CHANNEL_SAVE_PACKET(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize,
                                             PUINT32 BytesNeeded);
typedef EVT_VMB_CHANNEL_SAVE_PACKET *PFN_VMB_CHANNEL_SAVE_PACKET;

/* Restores one packet: allocate a packet, restore the VSP's state from SaveBuf, pass LibBuf to VmbPacketRestore. Called for packets
 * without state too (SaveBufSize 0, SaveBuf not NULL). Buffers are 16-byte aligned and valid during the call. */
typedef NTSTATUS EVT_VMB_CHANNEL_RESTORE_PACKET(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, PVOID SaveBuf, UINT32 SaveBufSize);
typedef EVT_VMB_CHANNEL_RESTORE_PACKET *PFN_VMB_CHANNEL_RESTORE_PACKET;

/* ---- channel: allocation and configuration (before Enable) ----------------------------------------------------------------- */

/* Allocates a channel. Only server endpoints (IsServer not 0) exist here. */
NTSTATUS VmbChannelAllocate(PDEVICE_OBJECT ParentDeviceObject, BOOLEAN IsServer, VMBCHANNEL *Channel);
/* Frees a channel that is not enabled; an enabled one is disabled first. */
VOID VmbChannelCleanup(VMBCHANNEL Channel);
/* Bytes of client context in each packet; 0 by default. */
NTSTATUS VmbChannelInitSetClientContextSize(VMBCHANNEL Channel, UINT32 ContextSize);
/* Longest packet or completion that the VSP sends, in bytes; not 0; 4,096 by default. */
NTSTATUS VmbChannelInitSetMaximumPacketSize(VMBCHANNEL Channel, UINT32 PacketSize);
NTSTATUS VmbChannelInitSetProcessPacketCallbacks(VMBCHANNEL Channel, PFN_VMB_CHANNEL_PROCESS_PACKET ProcessPacketCallback,
                                                 PFN_VMB_CHANNEL_PROCESSING_COMPLETE ProcessingCompleteCallback);
NTSTATUS VmbServerChannelInitSetSaveRestorePacketCallbacks(VMBCHANNEL Channel, PFN_VMB_CHANNEL_SAVE_PACKET SavePacketCallback,
                                                           PFN_VMB_CHANNEL_RESTORE_PACKET RestorePacketCallback);
/* Most packets in use at a time, at most 2^20; takes effect at Enable; 4,096 by default. */
VOID VmbChannelSetTransactionQuota(VMBCHANNEL Channel, UINT32 Quota);
VOID VmbChannelSetPointer(VMBCHANNEL Channel, PVOID Pointer);
PVOID VmbChannelGetPointer(VMBCHANNEL Channel);

/* ---- channel: life ---------------------------------------------------------------------------------------------------------- */

/* STATUS_DEVICE_BUSY while a save of the VM runs, 0xC0000044 beyond 2,047 channels. */
NTSTATUS VmbChannelEnable(VMBCHANNEL Channel);
/* From here on no callback of the channel runs. While a save of the VM runs the channel is disabled at its end: Enable fails until then.
 * Without effect from inside the channel's own ProcessPacket or RestorePacket. Empties the channel: packets still in use are gone, completing one later has no effect until Cleanup frees them.
 * Between the SaveContinue that ended a save and its SaveEnd: the save is discarded instead of resumed. */
VOID VmbChannelDisable(VMBCHANNEL Channel);
/* Without effect until a restore that has begun returns STATUS_SUCCESS. */
VOID VmbChannelStart(VMBCHANNEL Channel);

/* ---- packets ---------------------------------------------------------------------------------------------------------------- */

/* Completes an incoming packet, from any thread, also from inside ProcessPacket. The buffer is copied; one longer than the maximum packet
 * size is refused, and the packet stays in use. While a save runs the guest sees it only after the save's end. */
VOID VmbChannelPacketComplete(VMBPACKETCOMPLETION PacketCompletionContext, PVOID PacketCompletionBuffer, UINT32 BufSize);
/* The guest pages that a packet describes; valid until the packet is completed. */
NTSTATUS VmbChannelPacketGetExternalData(VMBPACKETCOMPLETION PacketCompletionContext, UINT32 Flags, PMDL *Mdl);
/* A packet object that is not in use; NULL if there is no memory. */
VMBPACKET VmbPacketAllocate(VMBCHANNEL Channel);
/* Frees a packet that is not in use. */
VOID VmbPacketFree(VMBPACKET VmbPacket);
VMBCHANNEL VmbPacketGetChannel(VMBPACKET PacketObject);
PVOID VmbPacketGetPointer(VMBPACKET PacketObject);
VOID VmbPacketSetPointer(VMBPACKET PacketObject, PVOID Pointer);
/* Gives an allocated packet its saved state; it is in use afterwards. Only inside RestorePacket, once. */
NTSTATUS VmbPacketRestore(VMBPACKET PacketObject, PVOID Buffer, ULONG BufferSize);

/* ---- save and restore -------------------------------------------------------------------------------------------------------- */

/* The cut: every packet in use now, on every channel of the VM, is what the save holds. Waits for threads that are receiving or
 * delivering a packet at this moment, ProcessPacket included. Packets go on being completed; the guest sees that after SaveEnd.
 *   STATUS_DEVICE_BUSY           a channel of the VM is being restored
 *   STATUS_INVALID_DEVICE_STATE  not enabled, begun already, half restored, from inside a callback of the VM, or a channel of the VM
 *                                has packets in use and no SavePacket
 *   0xC0000044 (quota exceeded)  more than 2^20 packets in use */
NTSTATUS VmbChannelSaveBegin(VMBCHANNEL Channel);
/* Copies whole chunks of saved state.
 *   STATUS_SUCCESS           all has been written
 *   STATUS_BUFFER_OVERFLOW   *BytesFilled bytes written, more remain; the next call needs *BytesRequired
 *   STATUS_BUFFER_TOO_SMALL  nothing written; *BytesRequired is the least that makes progress
 *   STATUS_INVALID_BUFFER_SIZE (0xC0000206)  a SavePacket's second call asked for more than its first
 * Test for these before NT_SUCCESS. A NULL buffer of size 0 asks for *BytesRequired. Any other status: end the save, nothing was lost. */
NTSTATUS VmbChannelSaveContinue(VMBCHANNEL Channel, PVOID SaveBuffer, ULONG SaveBufferSize, PULONG BytesFilled, PULONG BytesRequired);
/* Ends a save, finished or not: deferred completions reach the guest, packets go on. */
VOID VmbChannelSaveEnd(VMBCHANNEL Channel);
/* Takes whole chunks in the order in which they were saved.
 *   STATUS_SUCCESS                    restored, nothing more is expected
 *   STATUS_MORE_PROCESSING_REQUIRED   taken, more chunks were saved
 *   STATUS_DEVICE_BUSY                a save of the VM runs; nothing has changed
 * Anything else: the restore failed, and the channel is empty; packets that RestorePacket made are gone. Another restore may follow, or
 * Disable; Start is without effect. Values: status.hpp. */
NTSTATUS VmbChannelRestoreFromBuffer(VMBCHANNEL Channel, PVOID Buffer, ULONG BufferSize);

#ifdef __cplusplus
}
#endif
#endif
