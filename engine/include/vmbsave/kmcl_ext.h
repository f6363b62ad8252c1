/**
 * @file kmcl_ext.h
 * What vmbsave adds to the documented surface of kmcl.h. Prefix Vmbs; C11 and C++20.
 *
 * Three groups: how a channel is saved (init and save options), how bytes of a guest reach a channel and leave it (transport), and
 * what happened (statistics). vmbsave::guest is a transport over VMBus rings; a program that has its own brings a VMBS_TRANSPORT.
 */
#ifndef VMBSAVE_KMCL_EXT_H
#define VMBSAVE_KMCL_EXT_H

#include "vmbsave/kmcl.h"

#ifndef _WIN32
#pragma GCC visibility push(default) /* a shared library exports what is declared from here on */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- channel configuration (before Enable) --------------------------------------------------------------------------------- */

/**
 * Lets SavePacket run for several packets of this channel at once. Off by default: parallel over channels, serial within one. The
 * image is the same either way.
 *
 * @param Channel  an allocated channel that is not enabled
 * @param Allowed  not 0: concurrent callbacks
 * @retval STATUS_SUCCESS              set
 * @retval STATUS_INVALID_PARAMETER_1  no channel, or no longer disabled
 */
NTSTATUS VmbsChannelInitSetConcurrentCallbacks(VMBCHANNEL Channel, BOOLEAN Allowed);

/**
 * Most packet objects that VmbPacketAllocate gives at a time, and so most packets that VmbPacketSend can have in use; 256 by default.
 * Each 21 cost a save one atomic addition.
 *
 * @param Channel  an allocated channel that is not enabled
 * @param Packets  0 to 2^20; 0: the channel sends nothing
 * @retval STATUS_SUCCESS              set
 * @retval STATUS_INVALID_PARAMETER_1  no channel, or no longer disabled
 * @retval STATUS_INVALID_PARAMETER_2  more than 2^20
 */
NTSTATUS VmbsChannelInitSetMaximumSends(VMBCHANNEL Channel, UINT32 Packets);

/**
 * Gets so many packet objects ready for RestorePacket to allocate, those that it makes with their pages: a destination that knows early
 * what is coming takes these page faults before the source stands still. Without it VmbChannelRestoreFromBuffer does so.
 *
 * @param Channel  an enabled channel that was not started
 * @param Packets  0 to its transaction quota and most sends together
 * @retval STATUS_SUCCESS                 ready, until the channel is disabled
 * @retval STATUS_INVALID_PARAMETER_1     no channel
 * @retval STATUS_INVALID_PARAMETER_2     more than it can hold
 * @retval STATUS_INVALID_DEVICE_STATE    not enabled, or started, or called from inside a callback
 * @retval STATUS_INSUFFICIENT_RESOURCES  no memory; nothing has changed
 */
NTSTATUS VmbsChannelPrepareRestore(VMBCHANNEL Channel, UINT32 Packets);

/* ---- packets ------------------------------------------------------------------------------------------------------------------ */

/**
 * The client context of a packet, for packets of either direction. Zeroed by VmbPacketAllocate, not for an incoming packet.
 *
 * @param Packet  a packet of VmbPacketAllocate, VmbPacketInitialize or ProcessPacket
 * @return VmbChannelInitSetClientContextSize bytes, 16-byte aligned; NULL if that is 0 or Packet is NULL
 */
PVOID VmbsPacketGetClientContext(VMBPACKET Packet);

/**
 * The transaction id that a packet travels under.
 *
 * @param Packet  a packet in use
 * @return the id that its sender chose; 0 for NULL
 */
UINT64 VmbsPacketGetTransactionId(VMBPACKET Packet);

/* ---- transport: the guest's side of a channel ---------------------------------------------------------------------------------- */

#define VMBS_INCOMING_DATA 0       /**< a packet of the guest: in-band, or with external data */
#define VMBS_INCOMING_COMPLETION 1 /**< the guest's completion of a packet that the channel sent */

/** The next packet of the guest. What it points to is the transport's private copy, valid until the next Peek. */
typedef struct VMBS_INCOMING_PACKET {
  UINT32 Type;                 /**< VMBS_INCOMING_DATA or VMBS_INCOMING_COMPLETION */
  BOOLEAN CompletionRequested; /**< the guest wants a completion */
  BOOLEAN ExternalDataPending; /**< its pages must be paged in first: the first VmbChannelPacketGetExternalData is STATUS_PENDING */
  UINT8 Reserved[2];           /**< 0 */
  UINT64 TransactionId;        /**< as its sender chose it */
  PVOID Buffer;                /**< inline bytes, without VMBus headers */
  UINT32 BufferLength;         /**< of Buffer */
  UINT32 ExternalRangeCount;   /**< GPA ranges; 0: no external data */
  PVOID ExternalRanges;        /**< each: ByteCount u32, ByteOffset u32, one u64 page number for each 4,096-byte page it touches */
  UINT32 ExternalRangeBytes;   /**< of ExternalRanges */
  UINT32 Reserved2;            /**< 0 */
} VMBS_INCOMING_PACKET;

/**
 * How a channel reaches its guest. Size is sizeof(VMBS_TRANSPORT), no function is NULL, none may call the channel, and all must stay
 * valid from VmbsChannelOpen until VmbsChannelClose, VmbChannelDisable or VmbChannelCleanup has returned, or, if a save of the VM runs
 * then, until it has ended. Peek and Consume are called by the thread that is inside VmbsChannelProcessIncoming, the others by any.
 */
typedef struct VMBS_TRANSPORT {
  UINT32 Size; /**< of this structure */
  /** The next packet, without taking it. STATUS_NO_MORE_ENTRIES: none, and the transport will have VmbsChannelProcessIncoming called
   * when one comes. Anything else: what is there is malformed, and the queue stops. */
  NTSTATUS (*Peek)(PVOID Context, VMBS_INCOMING_PACKET *Packet);
  /** Takes the packet that Peek gave last: moves the ring's read index. */
  VOID (*Consume)(PVOID Context);
  /** Sets room aside for a completion of up to Length bytes. 0: there is none now, and the transport will have
   * VmbsChannelProcessIncoming called when there is. */
  BOOLEAN (*ReserveCompletion)(PVOID Context, UINT32 Length);
  /** Gives back what ReserveCompletion(Length) set aside. */
  VOID (*ReleaseCompletion)(PVOID Context, UINT32 Length);
  /** A completion that the guest may see, in the room that ReserveCompletion(ReservedLength) set aside. */
  VOID (*SendCompletion)(PVOID Context, UINT32 ReservedLength, UINT64 TransactionId, const VOID *Buffer, UINT32 BufferLength);
  /** A packet of the channel's. 0: no room beyond what is set aside, and the transport will have VmbsChannelProcessIncoming called when
   * there is. */
  BOOLEAN (*SendPacket)(PVOID Context, UINT64 TransactionId, BOOLEAN CompletionRequested, const VOID *Buffer, UINT32 BufferLength);
  /** What kept VmbsChannelProcessIncoming from going on is gone: have it called, by any thread but not from inside Wake. */
  VOID (*Wake)(PVOID Context);
} VMBS_TRANSPORT;

/**
 * The guest opens the channel: EvtChannelOpened, and if the channel is started, it becomes active.
 *
 * @param Channel    an enabled channel that is not open
 * @param Transport  copied
 * @param Context    handed to each of its functions
 * @retval STATUS_SUCCESS                 open
 * @retval STATUS_INVALID_PARAMETER_1     no channel
 * @retval STATUS_INVALID_PARAMETER_2     no transport, another size, or a function is missing
 * @retval STATUS_INVALID_DEVICE_STATE    not enabled, open already, or called from inside a callback
 * @retval STATUS_DEVICE_BUSY             a save of the VM runs
 * @retval STATUS_INSUFFICIENT_RESOURCES  no room for the completions of the packets that were restored
 * @return else what EvtChannelOpened failed with
 */
NTSTATUS VmbsChannelOpen(VMBCHANNEL Channel, const VMBS_TRANSPORT *Transport, PVOID Context);

/**
 * The guest closes the channel: EvtChannelSuspend, waits until the VSP has completed every incoming packet, EvtChannelClosed. Packets
 * that the guest has not answered end with STATUS_CANCELLED; queued ones wait for the next open.
 *
 * @param Channel  an open channel
 * @retval STATUS_SUCCESS               closed
 * @retval STATUS_INVALID_PARAMETER_1   no channel
 * @retval STATUS_INVALID_DEVICE_STATE  not open, or called from inside a callback
 * @retval STATUS_DEVICE_BUSY           a save of the VM runs
 */
NTSTATUS VmbsChannelClose(VMBCHANNEL Channel);

/**
 * What the guest's signal does: sends what is queued, then hands the ring's packets to ProcessPacket and to completion routines, on the
 * calling thread. One thread at a time is inside; a second one's call makes it go round again, and returns at once.
 *
 * @param Channel           an active channel
 * @param MaximumPackets    stops after so many; 0: no limit
 * @param PacketsProcessed  how many were taken; may be NULL
 * @retval STATUS_SUCCESS                 nothing is left
 * @retval STATUS_MORE_ENTRIES            MaximumPackets were taken
 * @retval STATUS_DEVICE_BUSY             a save runs or the channel is not active: the rest stays in the ring until Wake
 * @retval STATUS_INSUFFICIENT_RESOURCES  the quota is used up, or there is no room for another completion: likewise
 * @retval STATUS_INVALID_DEVICE_STATE    the queue was stopped by VmbChannelPacketFail or a malformed packet; or called from inside a
 *                                        callback
 * @retval STATUS_UNHANDLED_EXCEPTION     a C++ callback threw; its packet is in use
 * @retval STATUS_INVALID_PARAMETER_1     no channel
 */
NTSTATUS VmbsChannelProcessIncoming(VMBCHANNEL Channel, UINT32 MaximumPackets, PUINT32 PacketsProcessed);

/* ---- virtual machine: all channels of one parent -------------------------------------------------------------------------------- */

#define VMBS_EXECUTOR_SERIAL 0  /**< everything on the thread that calls SaveContinue */
#define VMBS_EXECUTOR_THREADS 1 /**< that thread and Threads - 1 of the engine's own, which start with the first parallel save */
#define VMBS_EXECUTOR_AUTO 2    /**< that thread and oneTBB's workers, if the engine was built with it; else as VMBS_EXECUTOR_THREADS */

#define VMBS_PLAN_AUTO 0  /**< the faster one, as far as the engine knows */
#define VMBS_PLAN_EXACT 1 /**< every packet's first call, then every packet's second one */
#define VMBS_PLAN_FUSED 2 /**< both calls, block by block: the same image */

#define VMBS_CALIBRATED 0xFFFFFFFFu /**< SerialBelow: found from the saves themselves */

/** How a VM is saved. VMBS_SAVE_OPTIONS_INIT sets the defaults. */
typedef struct VMBS_SAVE_OPTIONS {
  UINT32 Size;           /**< of this structure */
  UINT32 Executor;       /**< VMBS_EXECUTOR_...; VMBS_EXECUTOR_AUTO by default. SavePackets of different channels then run at once */
  UINT32 Threads;        /**< at most 1,024; 0, the default: all that affinity and CPU quota allow. VMBS_EXECUTOR_AUTO never takes more */
  UINT32 GrowthRetries;  /**< how often the save pass may be run again because a packet's state grew; 0 by default */
  BOOLEAN RequirePaused; /**< not 0: SaveBegin refuses while a channel of the VM is active; off by default */
  BOOLEAN Checksum;      /**< 0: checksums are left out, and the image cannot be restored; on by default */
  UINT8 Plan;            /**< VMBS_PLAN_...; VMBS_PLAN_AUTO by default */
  UINT8 Reserved;        /**< 0 */
  UINT32 SerialBelow;    /**< saves of fewer packets run on the calling thread alone; VMBS_CALIBRATED by default */
  UINT64 DeadlineNs;     /**< nanoseconds from the cut after which the save fails with STATUS_IO_TIMEOUT; 0, the default: none */
  UINT64 MemoryBudget;   /**< most bytes of image; more fail SaveContinue with STATUS_QUOTA_EXCEEDED; 0, the default: no limit */
  UINT64 ReserveBytes;   /**< memory for an image of so many bytes is made ready when the options are set; 0, the default: by the first save */
} VMBS_SAVE_OPTIONS;

/**
 * Sets the defaults.
 *
 * @param Options  to be filled
 */
VOID VMBS_SAVE_OPTIONS_INIT(VMBS_SAVE_OPTIONS *Options);

/**
 * Sets how the VM of this channel is saved, from its next SaveBegin on.
 *
 * @param Channel  any channel of the VM
 * @param Options  copied
 * @retval STATUS_SUCCESS                 set
 * @retval STATUS_INVALID_PARAMETER_1     no channel
 * @retval STATUS_INVALID_PARAMETER_2     no options, another size, or a value out of range
 * @retval STATUS_DEVICE_BUSY             a save of the VM runs
 * @retval STATUS_INSUFFICIENT_RESOURCES  no memory, or not as much as ReserveBytes; the options are as they were
 */
NTSTATUS VmbsChannelSetSaveOptions(VMBCHANNEL Channel, const VMBS_SAVE_OPTIONS *Options);

/* ---- statistics ------------------------------------------------------------------------------------------------------------------ */

/** The VM's last save, or the one that runs. Times are in nanoseconds. */
typedef struct VMBS_SAVE_STATISTICS {
  UINT32 Size;                 /**< of this structure, set by the caller */
  NTSTATUS FailureStatus;      /**< STATUS_SUCCESS, or the first failure seen */
  UINT64 FailureTransactionId; /**< of the packet whose callback failed */
  UINT32 FailureChannel;       /**< its channel's number: place in the order of Enable. Over MemoryBudget: the channel for which none was
                                    left, if each is saved into the caller's buffer, else 0 */
  UINT32 GrowthRetries;        /**< how often the save pass was run again */
  UINT64 Channels;             /**< of the VM */
  UINT64 Packets;              /**< that the save describes */
  UINT64 ImageBytes;           /**< of all channels */
  UINT64 DeferredDelivered;    /**< completions that SaveEnd gave to the guest */
  UINT64 CutNs;                /**< the cut: freezing what is in use */
  UINT64 TransitWaitNs;        /**< waiting for threads that were receiving or delivering a packet at the cut */
  UINT64 SizeNs;               /**< first calls of SavePacket, in the exact plan */
  UINT64 PlaceNs;              /**< putting the packets together to blocks, and giving each chunk its place */
  UINT64 SaveNs;               /**< second calls of SavePacket, in the exact plan; in the fused one, of what found no room at first */
  UINT64 PassNs;               /**< both calls, in the fused plan */
  UINT64 SealNs;               /**< what is left to be written when all packets are saved */
  UINT64 EndNs;                /**< SaveEnd: thawing and delivering */
  UINT32 Plan;                 /**< the one taken: VMBS_PLAN_EXACT or VMBS_PLAN_FUSED */
  UINT32 Threads;              /**< that could take part */
} VMBS_SAVE_STATISTICS;

/**
 * What the last save of this channel's VM did. Not while one is inside SaveBegin, SaveContinue or SaveEnd on another thread.
 *
 * @param Channel     any channel of the VM
 * @param Statistics  filled; Size must be set
 * @retval STATUS_SUCCESS              filled
 * @retval STATUS_INVALID_PARAMETER_1  no channel
 * @retval STATUS_INVALID_PARAMETER_2  no structure, or another size
 */
NTSTATUS VmbsChannelGetSaveStatistics(VMBCHANNEL Channel, VMBS_SAVE_STATISTICS *Statistics);

/** One channel since its Enable. Exact while nothing runs on the channel. */
typedef struct VMBS_CHANNEL_STATISTICS {
  UINT32 Size;             /**< of this structure, set by the caller */
  UINT32 IncomingInUse;    /**< packets of the guest that are in use; while a restore runs up to 20 more */
  UINT32 OutgoingInUse;    /**< packets of the VSP that are in use */
  UINT32 OutgoingQueued;   /**< of these, how many wait for room in the ring */
  UINT64 Received;         /**< packets handed to ProcessPacket, each once */
  UINT64 Batches;          /**< calls of ProcessingComplete, or would-be calls */
  UINT64 Sent;             /**< packets that VmbPacketSend took */
  UINT64 Answered;         /**< completions of the guest that found their packet */
  UINT64 StrayCompletions; /**< completions of the guest that found none: dropped */
  UINT64 QuotaStops;       /**< how often the quota stopped the queue */
  UINT64 RoomStops;        /**< how often a full outgoing ring did */
  UINT64 Misuses;          /**< calls without effect because of where they were made */
} VMBS_CHANNEL_STATISTICS;

/**
 * What this channel did.
 *
 * @param Channel     an enabled channel
 * @param Statistics  filled; Size must be set
 * @retval STATUS_SUCCESS               filled
 * @retval STATUS_INVALID_PARAMETER_1   no channel
 * @retval STATUS_INVALID_PARAMETER_2   no structure, or another size
 * @retval STATUS_INVALID_DEVICE_STATE  not enabled
 */
NTSTATUS VmbsChannelGetStatistics(VMBCHANNEL Channel, VMBS_CHANNEL_STATISTICS *Statistics);

#ifdef __cplusplus
}
#endif

#ifndef _WIN32
#pragma GCC visibility pop
#endif
#endif
