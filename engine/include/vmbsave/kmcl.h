/**
 * @file kmcl.h
 * The server endpoint of Hyper-V's Kernel Mode Client Library in user mode: channels, packets, save and restore.
 *
 * Declares documented names only, with 32-bit sizes; everything of vmbsave's own is in kmcl_ext.h. Names and signatures are facts
 * from the public documentation of vmbuskernelmodeclientlibapi.h; vmbsave is not affiliated with Microsoft.
 * C11 and C++20. May follow <windows.h>, <ntstatus.h> and <wdm.h>; needs nothing but <stdint.h> and <stddef.h>.
 *
 * Order of calls:
 *     channel:  Allocate -> Init* -> Enable -> Start -> packets -> Pause -> Disable -> Cleanup
 *     save:     SaveBegin -> SaveContinue until STATUS_SUCCESS -> SaveEnd
 *     restore:  Allocate -> Init* -> Enable -> RestoreFromBuffer until STATUS_SUCCESS -> Start
 *
 * A channel is open or closed (the guest's doing) and started or paused (the VSP's); active is open and started. Channels of one
 * parent are one VM, and a save is of the VM. A packet is in use from its arrival or its send until its transaction ends.
 *
 * Threads: one at a time configures, enables, starts, pauses, disables, saves, restores or cleans up a channel; packet functions
 * are for any thread, inside callbacks too. Start, Pause, Disable and Cleanup wait for callbacks: from one of the channel's or
 * of a save of its VM, they have no effect, and the channel's statistics count that.
 *
 * Each text's source is the documentation's page of the same name; another one is named, "header" meaning its overview pages. What
 * stands behind "vmbsave:" is this project's decision where the documentation is silent.
 */
#ifndef VMBSAVE_KMCL_H
#define VMBSAVE_KMCL_H

#include <stddef.h>
#include <stdint.h>

/* ---- base types, unless a Windows header brought them ------------------------------------------------------------------------ */
#if !defined(_WINDEF_) && !defined(_MINWINDEF_) && !defined(_WINNT_) && !defined(_NTDEF_) && !defined(__WINE_WINDEF_H)
typedef void *PVOID;       /**< untyped pointer */
typedef uint8_t UINT8;     /**< 8 bits */
typedef uint16_t UINT16;   /**< 16 bits */
typedef uint32_t UINT32;   /**< 32 bits */
typedef uint32_t *PUINT32; /**< pointer to 32 bits */
typedef uint64_t UINT64;   /**< 64 bits */
typedef uint8_t BOOLEAN;   /**< 0: no, else yes */
#ifdef _WIN32
typedef long LONG;
typedef unsigned long ULONG;
#else
typedef int32_t LONG;   /**< 32 bits on every target, as on Windows */
typedef uint32_t ULONG; /**< 32 bits on every target, as on Windows */
#endif
typedef ULONG *PULONG; /**< pointer to a ULONG */
#ifndef VOID
#define VOID void /**< no value */
#endif
#endif
#ifndef TRUE
#define TRUE 1  /**< a BOOLEAN's yes */
#define FALSE 0 /**< a BOOLEAN's no */
#endif
#ifndef GUID_DEFINED
#define GUID_DEFINED /**< a GUID is there */
/** Names an interface: a kind of device, or one instance of it. */
typedef struct _GUID {
  UINT32 Data1;   /**< first 8 digits */
  UINT16 Data2;   /**< next 4 */
  UINT16 Data3;   /**< next 4 */
  UINT8 Data4[8]; /**< the rest */
} GUID;
#endif

/* ---- statuses, each unless a Windows header brought it ----------------------------------------------------------------------- */
#ifndef _NTDEF_
typedef LONG NTSTATUS; /**< what became of a call; below 0: a warning or an error */
#endif
#ifdef __cplusplus
#define VMBSAVE_CAST(Type, Value) (Type(Value))
#else
#define VMBSAVE_CAST(Type, Value) ((Type)(Value)) /**< a conversion that neither language warns of */
#endif
#define VMBSAVE_NTSTATUS(Value) VMBSAVE_CAST(NTSTATUS, Value) /**< for the values below */
#ifndef NT_SUCCESS
#define NT_SUCCESS(Status) (VMBSAVE_NTSTATUS(Status) >= 0) /**< not a warning and not an error */
#endif
#ifndef STATUS_SUCCESS
#define STATUS_SUCCESS VMBSAVE_NTSTATUS(0x00000000) /**< done */
#endif
#ifndef STATUS_PENDING
#define STATUS_PENDING VMBSAVE_NTSTATUS(0x00000103) /**< not yet */
#endif
#ifndef STATUS_MORE_ENTRIES
#define STATUS_MORE_ENTRIES VMBSAVE_NTSTATUS(0x00000105) /**< more is there */
#endif
#ifndef STATUS_BUFFER_OVERFLOW
#define STATUS_BUFFER_OVERFLOW VMBSAVE_NTSTATUS(0x80000005) /**< part was written, more remains */
#endif
#ifndef STATUS_DEVICE_BUSY
#define STATUS_DEVICE_BUSY VMBSAVE_NTSTATUS(0x80000011) /**< not while a save or a restore of the VM runs */
#endif
#ifndef STATUS_NO_MORE_ENTRIES
#define STATUS_NO_MORE_ENTRIES VMBSAVE_NTSTATUS(0x8000001A) /**< nothing is there */
#endif
#ifndef STATUS_UNSUCCESSFUL
#define STATUS_UNSUCCESSFUL VMBSAVE_NTSTATUS(0xC0000001) /**< failed */
#endif
#ifndef STATUS_INVALID_HANDLE
#define STATUS_INVALID_HANDLE VMBSAVE_NTSTATUS(0xC0000008) /**< no such object */
#endif
#ifndef STATUS_INVALID_PARAMETER
#define STATUS_INVALID_PARAMETER VMBSAVE_NTSTATUS(0xC000000D) /**< an argument is wrong */
#endif
#ifndef STATUS_INVALID_DEVICE_REQUEST
#define STATUS_INVALID_DEVICE_REQUEST VMBSAVE_NTSTATUS(0xC0000010) /**< a callback broke its contract */
#endif
#ifndef STATUS_MORE_PROCESSING_REQUIRED
#define STATUS_MORE_PROCESSING_REQUIRED VMBSAVE_NTSTATUS(0xC0000016) /**< taken, more chunks were saved */
#endif
#ifndef STATUS_BUFFER_TOO_SMALL
#define STATUS_BUFFER_TOO_SMALL VMBSAVE_NTSTATUS(0xC0000023) /**< nothing was written */
#endif
#ifndef STATUS_OBJECT_NAME_COLLISION
#define STATUS_OBJECT_NAME_COLLISION VMBSAVE_NTSTATUS(0xC0000035) /**< a transaction id twice */
#endif
#ifndef STATUS_DATA_ERROR
#define STATUS_DATA_ERROR VMBSAVE_NTSTATUS(0xC000003E) /**< an image contradicts itself */
#endif
#ifndef STATUS_CRC_ERROR
#define STATUS_CRC_ERROR VMBSAVE_NTSTATUS(0xC000003F) /**< a checksum does not match */
#endif
#ifndef STATUS_QUOTA_EXCEEDED
#define STATUS_QUOTA_EXCEEDED VMBSAVE_NTSTATUS(0xC0000044) /**< beyond a limit */
#endif
#ifndef STATUS_REVISION_MISMATCH
#define STATUS_REVISION_MISMATCH VMBSAVE_NTSTATUS(0xC0000059) /**< an image of a version or feature that is not known */
#endif
#ifndef STATUS_INVALID_IMAGE_FORMAT
#define STATUS_INVALID_IMAGE_FORMAT VMBSAVE_NTSTATUS(0xC000007B) /**< not an image */
#endif
#ifndef STATUS_INSUFFICIENT_RESOURCES
#define STATUS_INSUFFICIENT_RESOURCES VMBSAVE_NTSTATUS(0xC000009A) /**< no memory, or no room */
#endif
#ifndef STATUS_IO_TIMEOUT
#define STATUS_IO_TIMEOUT VMBSAVE_NTSTATUS(0xC00000B5) /**< the save's deadline passed */
#endif
#ifndef STATUS_INVALID_PARAMETER_1
#define STATUS_INVALID_PARAMETER_1 VMBSAVE_NTSTATUS(0xC00000EF) /**< the first argument is wrong */
#endif
#ifndef STATUS_INVALID_PARAMETER_2
#define STATUS_INVALID_PARAMETER_2 VMBSAVE_NTSTATUS(0xC00000F0) /**< the second */
#endif
#ifndef STATUS_INVALID_PARAMETER_3
#define STATUS_INVALID_PARAMETER_3 VMBSAVE_NTSTATUS(0xC00000F1) /**< the third */
#endif
#ifndef STATUS_INVALID_PARAMETER_4
#define STATUS_INVALID_PARAMETER_4 VMBSAVE_NTSTATUS(0xC00000F2) /**< the fourth */
#endif
#ifndef STATUS_INVALID_PARAMETER_5
#define STATUS_INVALID_PARAMETER_5 VMBSAVE_NTSTATUS(0xC00000F3) /**< the fifth */
#endif
#ifndef STATUS_CANCELLED
#define STATUS_CANCELLED VMBSAVE_NTSTATUS(0xC0000120) /**< ended without an answer */
#endif
#ifndef STATUS_UNHANDLED_EXCEPTION
#define STATUS_UNHANDLED_EXCEPTION VMBSAVE_NTSTATUS(0xC0000144) /**< a C++ callback threw */
#endif
#ifndef STATUS_INVALID_DEVICE_STATE
#define STATUS_INVALID_DEVICE_STATE VMBSAVE_NTSTATUS(0xC0000184) /**< calls out of order */
#endif
#ifndef STATUS_INVALID_BUFFER_SIZE
#define STATUS_INVALID_BUFFER_SIZE VMBSAVE_NTSTATUS(0xC0000206) /**< a length is wrong */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- kernel types that the prototypes name, unless <wdm.h> brought them ------------------------------------------------------ */
#if !defined(_WDMDDK_) && !defined(_NTDDK_)
typedef struct _DEVICE_OBJECT *PDEVICE_OBJECT; /**< parent of channels: its value alone is used, it is never looked into */
typedef uintptr_t PFN_NUMBER;                  /**< number of a 4,096-byte page of the guest */
typedef PFN_NUMBER *PPFN_NUMBER;               /**< pointer to page numbers */
/** Memory descriptor list: guest pages of a packet. The numbers of the guest's pages follow the structure; nothing is mapped. */
typedef struct _MDL {
  struct _MDL *Next;         /**< next part; NULL: none */
  int16_t Size;              /**< 0 here */
  int16_t MdlFlags;          /**< 0 here */
  struct _EPROCESS *Process; /**< NULL here */
  PVOID MappedSystemVa;      /**< NULL here */
  PVOID StartVa;             /**< NULL here */
  ULONG ByteCount;           /**< bytes described */
  ULONG ByteOffset;          /**< of the first of them in the first page */
} MDL, *PMDL;                /**< pointer to an MDL */
#define MmGetMdlByteCount(Mdl) ((Mdl)->ByteCount)   /**< bytes that an MDL describes */
#define MmGetMdlByteOffset(Mdl) ((Mdl)->ByteOffset) /**< offset of the first of them in the first page */
#define MmGetMdlPfnArray(Mdl) VMBSAVE_CAST(PPFN_NUMBER, (Mdl) + 1) /**< page numbers of an MDL */
#endif

/* ---- handles and flags ------------------------------------------------------------------------------------------------------- */
typedef struct VMBCHANNEL__ *VMBCHANNEL;         /**< a channel; ends with VmbChannelCleanup */
typedef struct VMBPACKET__ *VMBPACKET;           /**< a packet object, of either direction */
typedef struct VMBPACKET__ *VMBPACKETCOMPLETION; /**< an incoming packet. vmbsave: one type with VMBPACKET, as both are saved */

#define VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION 0x1 /**< the transaction ends with the guest's completion */
#define VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH 0x2    /**< about a sender's MDL: without effect here */
#define VMBUS_CHANNEL_FORMAT_FLAG_PAGED_BUFFER 0x4        /**< without effect here: a payload is always copied at once */
#define VMBUS_CHANNEL_FORMAT_FLAGS 0x7                    /**< all of these */
#define VMBUS_CHANNEL_INIT_FLAG_IS_PIPE 0x1 /**< pipe mode: refused, as a pipe has no packet objects (source: header) */
#define VMBUS_CHANNEL_INIT_FLAGS 0x1        /**< all of these */
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER 0x1             /**< refused: there is no bus to loop back over */
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_ENUMERATE_DEVICE_INTERFACE 0x2 /**< about the guest's devices: taken, without effect here */
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE 0x4              /**< refused: there is no pipe mode */
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL 0x8          /**< a restore abandons the saved packets */
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_TLNPI_PROVIDER_OFFER 0x10      /**< refused: there are no sockets */
#define VMBUS_SERVER_CHANNEL_INIT_FLAGS 0x1F                          /**< all of these */
#define VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA 0x1   /**< see VmbChannelPacketGetExternalData */
#define VMBUS_CHANNEL_PROCESS_PACKET_FLAGS 0x1                /**< all of these */
#define VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY 0x1 /**< the VSP will not write to the pages */
#define VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAGS 0x1          /**< all of these */

/* ---- callbacks: state changes (source: header, state model); on the thread whose call changes the state ---------------------- */
/** The guest opened the channel. Packets may be queued from now on. A failure is handed to the guest, and the channel stays closed.
 * @param Channel the channel  @return NT_SUCCESS: open */
typedef NTSTATUS EVT_VMB_CHANNEL_OPENED(VMBCHANNEL Channel);
typedef EVT_VMB_CHANNEL_OPENED *PFN_VMB_CHANNEL_OPENED; /**< pointer to it */
/** The channel was closed, by the guest or by VmbChannelDisable; after EvtChannelSuspend, when no incoming packet is in use.
 * @param Channel the channel */
typedef VOID EVT_VMB_CHANNEL_CLOSED(VMBCHANNEL Channel);
typedef EVT_VMB_CHANNEL_CLOSED *PFN_VMB_CHANNEL_CLOSED; /**< pointer to it */
/** The channel stops being active: ProcessPacket does not run and will not until the next EvtChannelStarted. Whoever paused, closed
 * or disabled it now waits until every incoming packet is completed, here or later and on any thread.
 * @param Channel the channel */
typedef VOID EVT_VMB_CHANNEL_SUSPEND(VMBCHANNEL Channel);
typedef EVT_VMB_CHANNEL_SUSPEND *PFN_VMB_CHANNEL_SUSPEND; /**< pointer to it */
/** The channel is about to be active: packets may be sent, none comes in yet, so nothing may be waited for.
 * @param Channel the channel */
typedef VOID EVT_VMB_CHANNEL_STARTED(VMBCHANNEL Channel);
typedef EVT_VMB_CHANNEL_STARTED *PFN_VMB_CHANNEL_STARTED; /**< pointer to it */
/** The channel is active. ProcessPacket may run before and during this call.  @param Channel the channel */
typedef VOID EVT_VMB_CHANNEL_POST_STARTED(VMBCHANNEL Channel);
typedef EVT_VMB_CHANNEL_POST_STARTED *PFN_VMB_CHANNEL_POST_STARTED; /**< pointer to it */

/** For VmbChannelInitSetStateChangeCallbacks; filled by VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT. A NULL callback is left out. */
typedef struct _VMB_CHANNEL_STATE_CHANGE_CALLBACKS {
  ULONG Version;                                      /**< 1 */
  ULONG Size;                                         /**< of this structure */
  PFN_VMB_CHANNEL_OPENED EvtChannelOpened;            /**< opened */
  PFN_VMB_CHANNEL_CLOSED EvtChannelClosed;            /**< closed */
  PFN_VMB_CHANNEL_SUSPEND EvtChannelSuspend;          /**< no longer active */
  PFN_VMB_CHANNEL_STARTED EvtChannelStarted;          /**< about to be active */
  PFN_VMB_CHANNEL_POST_STARTED EvtChannelPostStarted; /**< active */
} VMB_CHANNEL_STATE_CHANGE_CALLBACKS, *PVMB_CHANNEL_STATE_CHANGE_CALLBACKS; /**< pointer to it */
/** Empties the structure and sets its version and size.  @param Callbacks to be filled */
static inline VOID VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(PVMB_CHANNEL_STATE_CHANGE_CALLBACKS Callbacks) {
  const VMB_CHANNEL_STATE_CHANGE_CALLBACKS empty = {1, sizeof(VMB_CHANNEL_STATE_CHANGE_CALLBACKS), NULL, NULL, NULL, NULL, NULL};
  *Callbacks = empty;
}

/* ---- callbacks: packets ------------------------------------------------------------------------------------------------------ */
/** A packet came in; on the thread that processes the channel's ring, one at a time. Each packet must be completed or failed once,
 * here or later. Called again for it after VmbChannelPacketDeferToPassive, or when its pages are there after STATUS_PENDING. A cut
 * waits until this call returns. vmbsave: a C++ exception stops the batch, and the packet stays in use.
 * @param Channel the channel  @param Packet the packet  @param Buffer its bytes without VMBus headers, valid during the call
 * @param BufferLength of Buffer  @param Flags VMBUS_CHANNEL_PROCESS_PACKET_FLAG_... */
typedef VOID EVT_VMB_CHANNEL_PROCESS_PACKET(VMBCHANNEL Channel, VMBPACKETCOMPLETION Packet, PVOID Buffer, UINT32 BufferLength,
                                            UINT32 Flags);
typedef EVT_VMB_CHANNEL_PROCESS_PACKET *PFN_VMB_CHANNEL_PROCESS_PACKET; /**< pointer to it */
/** A batch of packets was handed out, and delivery pauses; on the same thread.
 * @param Channel the channel  @param PacketsProcessed packets of the batch */
typedef VOID EVT_VMB_CHANNEL_PROCESSING_COMPLETE(VMBCHANNEL Channel, UINT32 PacketsProcessed);
typedef EVT_VMB_CHANNEL_PROCESSING_COMPLETE *PFN_VMB_CHANNEL_PROCESSING_COMPLETE; /**< pointer to it */

/** The transaction of a sent packet ended; during this call the packet is the VSP's again, to be sent or freed. On the thread that
 * sends, processes the ring, closes or disables. Without WAIT_FOR_COMPLETION: STATUS_SUCCESS, no bytes, when it is in the ring.
 * @param Packet the packet  @param Status STATUS_SUCCESS, or STATUS_CANCELLED if the channel was closed or disabled before
 * @param Buffer the guest's completion, valid during the call; NULL: none  @param BufferLength of Buffer */
typedef VOID EVT_VMB_PACKET_COMPLETION_ROUTINE(VMBPACKET Packet, NTSTATUS Status, PVOID Buffer, UINT32 BufferLength);
typedef EVT_VMB_PACKET_COMPLETION_ROUTINE *PFN_VMB_PACKET_COMPLETION_ROUTINE; /**< pointer to it */

/** Saves the VSP's own state of one packet that was in use at the cut, also if the VSP has completed it since: what this needs must
 * live until SaveEnd. First call: SaveBufSize 0; succeed if there is no state, else fail in any way with its size in *BytesNeeded.
 * Second call, only after such a failure: write the state. Runs on any thread inside SaveContinue, one at a time for a channel
 * unless VmbsChannelInitSetConcurrentCallbacks allows more. vmbsave: kept is *BytesNeeded of the second call if written and within
 * the buffer, else that of the first; a first call that fails with *BytesNeeded 0 and a second one that fails end the save.
 * @param Channel the channel  @param Packet the packet  @param SaveBuf 16-byte aligned and zeroed; not NULL, even of size 0
 * @param SaveBufSize of SaveBuf: 0, later at least what was asked for  @param BytesNeeded receives the state's size; not to be read
 * @retval STATUS_SUCCESS no state, or written  @retval STATUS_PENDING not allowed: ends the save, STATUS_INVALID_DEVICE_REQUEST
 * @return else a failure, by custom STATUS_BUFFER_TOO_SMALL: it did not fit */
typedef NTSTATUS EVT_VMB_CHANNEL_SAVE_PACKET(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize,
                                             PUINT32 BytesNeeded);
typedef EVT_VMB_CHANNEL_SAVE_PACKET *PFN_VMB_CHANNEL_SAVE_PACKET; /**< pointer to it */

/** Restores one packet: VmbPacketAllocate, then completion routine, pointer and the VSP's state from SaveBuf, then VmbPacketRestore
 * with LibBuf, once. On the thread inside RestoreFromBuffer. vmbsave: for packets without state too; the guest's packets in order
 * of arrival, then the VSP's in order of sending.
 * @param Channel the channel  @param LibBuf the library's state of the packet, valid during the call  @param LibBufSize of LibBuf
 * @param SaveBuf what SavePacket wrote, aligned and valid likewise; not NULL  @param SaveBufSize of SaveBuf; 0: no state
 * @retval STATUS_SUCCESS restored; if VmbPacketRestore was not called, the restore fails with STATUS_INVALID_DEVICE_REQUEST
 * @retval STATUS_PENDING not allowed: likewise
 * @return else a failure, which ends the restore: the library takes back what VmbPacketRestore took, the VSP frees the rest */
typedef NTSTATUS EVT_VMB_CHANNEL_RESTORE_PACKET(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, PVOID SaveBuf,
                                                UINT32 SaveBufSize);
typedef EVT_VMB_CHANNEL_RESTORE_PACKET *PFN_VMB_CHANNEL_RESTORE_PACKET; /**< pointer to it */

#ifndef _WIN32
#pragma GCC visibility push(default) /* a shared library exports what is declared from here on */
#endif

/* ---- channel: allocation and configuration. Init functions: before Enable, or after Disable ---------------------------------- */
/** Makes a disabled channel. vmbsave: servers only, and channels of one parent are one VM.
 * @param ParentDeviceObject any non-NULL value that the VM's channels share; NULL: a VM of this channel alone
 * @param IsServer not 0  @param Channel receives the channel
 * @retval STATUS_SUCCESS made  @retval STATUS_INVALID_PARAMETER_2 IsServer is 0
 * @retval STATUS_INVALID_PARAMETER_3 Channel is NULL  @retval STATUS_INSUFFICIENT_RESOURCES no memory */
NTSTATUS VmbChannelAllocate(PDEVICE_OBJECT ParentDeviceObject, BOOLEAN IsServer, VMBCHANNEL *Channel);
/** Frees a channel. One that is still enabled is torn down at once, without a callback or a wait; during a save its memory goes at
 * the save's end. vmbsave: what happens to an enabled one.  @param Channel the channel, gone after this */
VOID VmbChannelCleanup(VMBCHANNEL Channel);
/** Sets the size of the client context of each packet, which VmbsPacketGetClientContext gives.
 * @param Channel the channel  @param ContextSize bytes, at most 2^20; 0 by default
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled
 * @retval STATUS_INVALID_PARAMETER_2 too large */
NTSTATUS VmbChannelInitSetClientContextSize(VMBCHANNEL Channel, UINT32 ContextSize);
/** Takes flags of either endpoint. vmbsave: no pipe mode.  @param Channel the channel  @param Flags 0
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled
 * @retval STATUS_INVALID_PARAMETER_2 an unknown flag, or VMBUS_CHANNEL_INIT_FLAG_IS_PIPE */
NTSTATUS VmbChannelInitSetFlags(VMBCHANNEL Channel, UINT32 Flags);
/** Limits what one incoming packet may describe; beyond it the queue stops.
 * @param Channel the channel  @param DataSize bytes, not 0; 1 MiB by default  @param ChainLength MDLs, not 0; 16 by default
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled
 * @retval STATUS_INVALID_PARAMETER_2 DataSize is 0  @retval STATUS_INVALID_PARAMETER_3 ChainLength is 0 */
NTSTATUS VmbChannelInitSetMaximumExternalData(VMBCHANNEL Channel, UINT32 DataSize, UINT32 ChainLength);
/** Sets the longest packet or completion that the VSP sends. vmbsave: of completions too.
 * @param Channel the channel  @param PacketSize bytes, 1 to 524,264; 4,096 by default
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled
 * @retval STATUS_INVALID_PARAMETER_2 out of range */
NTSTATUS VmbChannelInitSetMaximumPacketSize(VMBCHANNEL Channel, UINT32 PacketSize);
/** Sets what is called for incoming packets. vmbsave: without the first nothing comes in.
 * @param Channel the channel  @param ProcessPacketCallback for packets  @param ProcessingCompleteCallback for batches, or NULL
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled */
NTSTATUS VmbChannelInitSetProcessPacketCallbacks(VMBCHANNEL Channel, PFN_VMB_CHANNEL_PROCESS_PACKET ProcessPacketCallback,
                                                 PFN_VMB_CHANNEL_PROCESSING_COMPLETE ProcessingCompleteCallback);
/** Sets what is called when the channel's state changes.  @param Channel the channel  @param StateChangeCallbacks copied
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled
 * @retval STATUS_INVALID_PARAMETER_2 NULL, or another version or size */
NTSTATUS VmbChannelInitSetStateChangeCallbacks(VMBCHANNEL Channel, PVMB_CHANNEL_STATE_CHANGE_CALLBACKS StateChangeCallbacks);
/** Sets flags of servers.  @param Channel the channel  @param Flags VMBUS_SERVER_CHANNEL_INIT_FLAG_...; 0 by default
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled
 * @retval STATUS_INVALID_PARAMETER_2 an unknown flag, or one that is refused */
NTSTATUS VmbServerChannelInitSetFlags(VMBCHANNEL Channel, UINT32 Flags);
/** Sets what is called for packets in a save and in a restore. vmbsave: both may be missing while there are no packets to save.
 * @param Channel the channel  @param SavePacketCallback for saving  @param RestorePacketCallback for restoring
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled */
NTSTATUS VmbServerChannelInitSetSaveRestorePacketCallbacks(VMBCHANNEL Channel, PFN_VMB_CHANNEL_SAVE_PACKET SavePacketCallback,
                                                           PFN_VMB_CHANNEL_RESTORE_PACKET RestorePacketCallback);
/** Names the channel to the guest. vmbsave: taken, without effect.
 * @param Channel the channel  @param InterfaceType kind of device  @param InterfaceInstance which of its kind
 * @retval STATUS_SUCCESS set  @retval STATUS_INVALID_PARAMETER_1 no channel, or enabled */
NTSTATUS VmbServerChannelInitSetTargetInterfaceId(VMBCHANNEL Channel, GUID InterfaceType, GUID InterfaceInstance);
/** Limits incoming packets in use. Beyond it packets wait in the ring, and go on with the next completion; may be set at any time,
 * also below what is in use. vmbsave: what is set at Enable is the most until Disable.
 * @param Channel the channel  @param Quota packets, at most 2^20; 4,096 by default; 0 has no effect */
VOID VmbChannelSetTransactionQuota(VMBCHANNEL Channel, UINT32 Quota);
/** Keeps a pointer of the VSP's with the channel.  @param Channel the channel  @param Pointer kept, unused */
VOID VmbChannelSetPointer(VMBCHANNEL Channel, PVOID Pointer);
/** Gives that pointer back.  @param Channel the channel  @return the pointer; NULL: none was set */
PVOID VmbChannelGetPointer(VMBCHANNEL Channel);

/* ---- channel: life (source: header, state model, besides the pages of the functions' names) ---------------------------------- */
/** Offers the channel: enabled, closed, and paused until Start.  @param Channel a disabled channel
 * @retval STATUS_SUCCESS enabled  @retval STATUS_INVALID_PARAMETER_1 no channel
 * @retval STATUS_INVALID_DEVICE_STATE not disabled  @retval STATUS_DEVICE_BUSY a save of the VM runs
 * @retval STATUS_QUOTA_EXCEEDED the VM has 2,047 channels already  @retval STATUS_INSUFFICIENT_RESOURCES no memory */
NTSTATUS VmbChannelEnable(VMBCHANNEL Channel);
/** Lets the channel be active while it is open: EvtChannelStarted, incoming packets, EvtChannelPostStarted. No effect on a channel
 * that is not enabled. vmbsave: nor after a restore that has not returned STATUS_SUCCESS.
 * @param Channel the channel */
VOID VmbChannelStart(VMBCHANNEL Channel);
/** Stops new packets: EvtChannelSuspend; waits until no incoming packet is in use. Sent packets stay as they are. vmbsave: a packet
 * completed during a save counts as completed, and a save needs no pause.
 * @param Channel the channel */
VOID VmbChannelPause(VMBCHANNEL Channel);
/** Revokes the channel: as Pause, then EvtChannelClosed if it was open, then sent packets end with STATUS_CANCELLED. vmbsave:
 * between the SaveContinue that returned STATUS_SUCCESS and SaveEnd the save is discarded instead of resumed: Suspend and Closed
 * are called, nothing is waited for or delivered. While another save of the VM runs, completions reach the guest and sent packets
 * end with STATUS_CANCELLED at its end, the memory goes then, and Enable fails until then.
 * @param Channel the channel */
VOID VmbChannelDisable(VMBCHANNEL Channel);

/* ---- packets: any thread ----------------------------------------------------------------------------------------------------- */
/** Ends an incoming packet; its MDLs go with it. The guest gets the bytes if it asked for a completion, during a save only after
 * its end. vmbsave: a call with more than the maximum packet size has no effect, and the packet stays in use. A restored packet
 * that is completed before the guest has the channel open is kept until then; to a save meanwhile it is in use.
 * @param PacketCompletionContext the packet, not to be used after this  @param PacketCompletionBuffer copied; NULL: no bytes
 * @param BufSize of PacketCompletionBuffer */
VOID VmbChannelPacketComplete(VMBPACKETCOMPLETION PacketCompletionContext, PVOID PacketCompletionBuffer, UINT32 BufSize);
/** Has ProcessPacket called again for this packet, before the next one. Once, inside its ProcessPacket. vmbsave: no IRQL changes.
 * @param PacketCompletionContext the packet */
VOID VmbChannelPacketDeferToPassive(VMBPACKETCOMPLETION PacketCompletionContext);
/** Ends a malformed packet without a completion and stops the incoming queue, until Disable and Enable.
 * @param PacketCompletionContext the packet, not to be used after this */
VOID VmbChannelPacketFail(VMBPACKETCOMPLETION PacketCompletionContext);
/** The guest pages that a packet describes. The MDLs are the library's and valid until the packet is completed. vmbsave: restored
 * packets have none, so that a VSP saves the page numbers that it needs.
 * @param PacketCompletionContext an incoming packet  @param Flags VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_...
 * @param Mdl receives the first MDL of the chain
 * @retval STATUS_SUCCESS given  @retval STATUS_PENDING return: ProcessPacket is called again when the pages are there
 * @retval STATUS_INVALID_PARAMETER no packet, no external data, or Mdl is NULL
 * @retval STATUS_INVALID_PARAMETER_2 an unknown flag */
NTSTATUS VmbChannelPacketGetExternalData(VMBPACKETCOMPLETION PacketCompletionContext, UINT32 Flags, PMDL *Mdl);
/** Bytes that VmbPacketInitialize needs.  @param Channel the channel  @return bytes; 0: no channel */
UINT32 VmbChannelSizeofPacket(VMBCHANNEL Channel);
/** A packet object to send or restore, with all that it needs; its completion routine frees it until another is set. vmbsave: at
 * most VmbsChannelInitSetMaximumSends at a time.
 * @param Channel an enabled channel  @return the packet, not in use; NULL: no memory, too many, or not enabled */
VMBPACKET VmbPacketAllocate(VMBCHANNEL Channel);
/** Frees a packet of VmbPacketAllocate; one in use stays.  @param VmbPacket the packet; NULL: no effect */
VOID VmbPacketFree(VMBPACKET VmbPacket);
/** The channel of a packet.  @param PacketObject the packet  @return its channel; NULL for NULL */
VMBCHANNEL VmbPacketGetChannel(VMBPACKET PacketObject);
/** The pointer that was kept.  @param PacketObject the packet  @return the pointer; NULL: none was set */
PVOID VmbPacketGetPointer(VMBPACKET PacketObject);
/** Makes a packet in memory of the caller's, who frees it when it is not in use. It has no completion routine: set one before Send.
 * vmbsave: alignment, and room that MaximumSends does not promise.
 * @param Channel an enabled channel  @param VmbPacket the memory, 16-byte aligned  @param ByteCount at least VmbChannelSizeofPacket
 * @retval STATUS_SUCCESS made, not in use  @retval STATUS_INVALID_PARAMETER_1 no channel, or not enabled
 * @retval STATUS_INVALID_PARAMETER_2 NULL, or not aligned  @retval STATUS_INVALID_PARAMETER_3 too small */
NTSTATUS VmbPacketInitialize(VMBCHANNEL Channel, VMBPACKET VmbPacket, UINT32 ByteCount);
/** Gives a packet its saved place again: in use, with its transaction id and its place in the queue. Inside RestorePacket, once.
 * vmbsave: all refusals.
 * @param PacketObject a packet of this channel, not in use  @param Buffer RestorePacket's LibBuf  @param BufferSize its LibBufSize
 * @retval STATUS_SUCCESS in use
 * @retval STATUS_INVALID_DEVICE_STATE not inside RestorePacket, or not a packet that was allocated
 * @retval STATUS_INVALID_PARAMETER NULL, in use already, called twice, or not what LibBuf holds
 * @retval STATUS_QUOTA_EXCEEDED no place is left  @retval STATUS_DEVICE_BUSY a save runs */
NTSTATUS VmbPacketRestore(VMBPACKET PacketObject, PVOID Buffer, ULONG BufferSize);
/** Sends a packet in order, queued while the channel is not active or the ring is full. The packet is the library's until its
 * completion routine runs. vmbsave: the refusals, after each of which the packet is still the VSP's.
 * @param PacketObject the packet, not in use  @param Buffer copied; may be NULL if the length is 0
 * @param BufferLength up to the maximum packet size  @param ExternalDataMdl NULL: servers send none
 * @param Flags VMBUS_CHANNEL_FORMAT_FLAG_...
 * @retval STATUS_SUCCESS sent or queued  @retval STATUS_INVALID_PARAMETER_1 no packet
 * @retval STATUS_INVALID_PARAMETER_2 no bytes, or too many  @retval STATUS_INVALID_PARAMETER_4 an MDL
 * @retval STATUS_INVALID_PARAMETER_5 an unknown flag
 * @retval STATUS_INVALID_DEVICE_STATE in use, without completion routine, or the channel is not enabled
 * @retval STATUS_DEVICE_BUSY a save or a restore runs  @retval STATUS_INSUFFICIENT_RESOURCES packets of callers' took all room */
NTSTATUS VmbPacketSend(VMBPACKET PacketObject, PVOID Buffer, UINT32 BufferLength, PMDL ExternalDataMdl, UINT32 Flags);
/** Sets what is called when a packet's transaction ends.
 * @param PacketObject the packet, not in use  @param CompletionRoutine called once for each successful send */
VOID VmbPacketSetCompletionRoutine(VMBPACKET PacketObject, PFN_VMB_PACKET_COMPLETION_ROUTINE CompletionRoutine);
/** Keeps a pointer of the VSP's with a packet of either direction; not saved.
 * @param PacketObject the packet  @param Pointer kept, unused */
VOID VmbPacketSetPointer(VMBPACKET PacketObject, PVOID Pointer);

/* ---- save and restore: one thread a channel ---------------------------------------------------------------------------------- */
/** The cut: packets in use now, on every channel of the VM, are what is saved; channels that begin later join this save. Waits for
 * threads that receive or deliver a packet, ProcessPacket included. Until SaveEnd these packets may be completed, and new ones stay
 * in the ring. vmbsave: the cut, and no need to pause.
 * @param Channel the channel
 * @retval STATUS_SUCCESS begun: SaveEnd must follow  @retval STATUS_INVALID_PARAMETER_1 no channel
 * @retval STATUS_DEVICE_BUSY a channel of the VM is being restored, opened or closed
 * @retval STATUS_INVALID_DEVICE_STATE not enabled, begun already, half restored, from inside a callback; or a channel of the VM has
 *     packets in use and no SavePacket, or is active although VMBS_SAVE_OPTIONS.RequirePaused is set
 * @retval STATUS_QUOTA_EXCEEDED more than 2^20 packets in use  @retval STATUS_IO_TIMEOUT the deadline passed
 * @retval STATUS_INSUFFICIENT_RESOURCES no memory */
NTSTATUS VmbChannelSaveBegin(VMBCHANNEL Channel);
/** Copies whole chunks of saved state, and goes on where it stopped. The first call saves the whole VM. Test for the two BUFFER
 * statuses before NT_SUCCESS, which takes them for failures. After a failure: SaveEnd; nothing was lost. vmbsave: a buffer that
 * is aligned to 64 bytes and holds all of the channel gets its packets right from SavePacket, no copy, if the VM's channels keep
 * the save's threads busy one by one; each is then saved by its own first call, and what a failed one leaves in the buffer is of
 * no use. NULL of size 0 asks for *BytesRequired. And the statuses from STATUS_INVALID_BUFFER_SIZE on.
 * @param Channel the channel  @param SaveBuffer receives chunks  @param SaveBufferSize of SaveBuffer
 * @param BytesFilled bytes written  @param BytesRequired least size with which the next call gets on; 0 after STATUS_SUCCESS
 * @retval STATUS_SUCCESS all has been written  @retval STATUS_BUFFER_OVERFLOW *BytesFilled bytes written, more remain
 * @retval STATUS_BUFFER_TOO_SMALL nothing written: *BytesRequired
 * @retval STATUS_INVALID_BUFFER_SIZE a packet's state has grown, or is too long  @retval STATUS_INVALID_PARAMETER_1 no channel
 * @retval STATUS_INVALID_PARAMETER another pointer is NULL
 * @retval STATUS_INVALID_DEVICE_STATE not begun, all written, being disabled, or from inside a callback
 * @retval STATUS_IO_TIMEOUT the deadline passed  @retval STATUS_QUOTA_EXCEEDED over the memory budget
 * @retval STATUS_INSUFFICIENT_RESOURCES no memory  @retval STATUS_INVALID_DEVICE_REQUEST SavePacket returned STATUS_PENDING
 * @retval STATUS_UNHANDLED_EXCEPTION a C++ SavePacket threw  @return else what SavePacket failed with */
NTSTATUS VmbChannelSaveContinue(VMBCHANNEL Channel, PVOID SaveBuffer, ULONG SaveBufferSize, PULONG BytesFilled,
                                PULONG BytesRequired);
/** Ends a save, finished or not. The last channel's end delivers deferred completions, and packets go on. No effect if none was
 * begun, or from inside a callback of the VM. vmbsave: for an unfinished save.
 * @param Channel the channel */
VOID VmbChannelSaveEnd(VMBCHANNEL Channel);
/** Takes whole chunks in the order in which they were saved; with the last one RestorePacket is called for each packet. After a
 * failure the channel is empty, and packets that RestorePacket made are gone: another restore may follow, or Disable. A channel
 * with VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL takes and checks the chunks and restores no packet. vmbsave: everything is
 * checked before the first RestorePacket, and the failures.
 * @param Channel an enabled, paused channel without packets in use  @param Buffer whole chunks; 16-byte aligned saves a copy
 * @param BufferSize of Buffer
 * @retval STATUS_SUCCESS restored, nothing more is expected
 * @retval STATUS_MORE_PROCESSING_REQUIRED taken, more chunks were saved
 * @retval STATUS_DEVICE_BUSY a save of the VM runs; nothing has changed  @retval STATUS_INVALID_PARAMETER_1 no channel
 * @retval STATUS_INVALID_PARAMETER_2 Buffer is NULL
 * @retval STATUS_INVALID_DEVICE_STATE not enabled, started, restored already, packets in use, from inside a callback, or no
 *     RestorePacket
 * @retval STATUS_INVALID_IMAGE_FORMAT no chunk  @retval STATUS_REVISION_MISMATCH an unknown version
 * @retval STATUS_INVALID_BUFFER_SIZE part of a chunk, or a packet longer than the maximum  @retval STATUS_CRC_ERROR damaged
 * @retval STATUS_DATA_ERROR in another order, too much, or contradictory
 * @retval STATUS_OBJECT_NAME_COLLISION a transaction id twice
 * @retval STATUS_QUOTA_EXCEEDED more packets than the channel holds, or no room for their completions
 * @retval STATUS_INSUFFICIENT_RESOURCES no memory
 * @retval STATUS_INVALID_DEVICE_REQUEST RestorePacket succeeded without VmbPacketRestore
 * @retval STATUS_UNHANDLED_EXCEPTION it threw  @return else what RestorePacket failed with */
NTSTATUS VmbChannelRestoreFromBuffer(VMBCHANNEL Channel, PVOID Buffer, ULONG BufferSize);

#ifndef _WIN32
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
