/**
 * @file vsp.h
 * How a virtualization service provider describes itself to those who run it: the tool `vmbsave` and the benchmark
 * `vmbsave-bench`. C11 and C++20; needs nothing but kmcl.h.
 *
 * A VMBS_VSP holds the provider itself (configure, complete, reissue, release), the guest's side of its protocol
 * (encode, outcome) and an independent statement of what it must save (reference_state), against which every image is
 * compared. A VSP that sends to its guest has deliver, and the guest's side of that: accept and answer.
 *
 * The author of a VSP brings it as a shared object that exports one function, vmbs_vsp, which gives the description:
 *     cc -shared -fPIC -I.../engine/include -o libmyvsp.so myvsp.c
 *     vmbsave replay --profile cloudphysics --vsp ./libmyvsp.so
 * The functions of kmcl.h and kmcl_ext.h are those of the program that loads it. An object with an engine of its own,
 * as one that links vmbsave::kmcl, is refused: its packets would be nobody's.
 *
 * Only configure, complete and encode are asked for; what NULL means stands at each other member.
 *
 * Threads: the functions for one channel are called by one thread at a time, and those of a device as well, where
 * nothing else is said. What configure gave to the channel is called as kmcl.h has it: SavePacket by the threads of a
 * save. Cost: none of these functions is called while a save is timed, SavePacket and RestorePacket are.
 */
#ifndef VMBSAVE_VSP_H
#define VMBSAVE_VSP_H

#include "vmbsave/kmcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the guest asks for ------------------------------------------------------------------------------------- */

#define VMBS_VSP_READ 0      /**< operation: bytes from the disk */
#define VMBS_VSP_WRITE 1     /**< operation: bytes to the disk */
#define VMBS_VSP_DISCARD 2   /**< operation: blocks are no longer needed */
#define VMBS_VSP_TRANSMIT 3  /**< operation: a frame of the guest's */
#define VMBS_VSP_RECEIVE 4   /**< operation: a frame for the guest: the VSP sends it */
#define VMBS_VSP_IN_FLIGHT 0 /**< outcome: not carried out yet */
#define VMBS_VSP_SENT 1      /**< outcome: carried out, and its completion is held back */
#define VMBS_VSP_DROPPED 2   /**< outcome: failed, and its completion is held back */

/** A request of the guest, or a frame for it, from a trace or a profile. The fields up to callback_ns follow from the
 * record, so that it can be made again at any time; the others say what became of it. */
typedef struct VMBS_VSP_REQUEST {
  UINT64 record;         /**< number of the record, from 0; seeds what is generated; a guest's transaction id - 1 */
  UINT64 lba;            /**< in 512-byte sectors; 0 for a frame */
  UINT64 tag;            /**< the trace's own id of the request; of a frame: hash of its flow */
  UINT32 bytes;          /**< of data, a multiple of 512; 0 only for a discard of unknown length. Of a frame: any */
  UINT32 first_byte;     /**< offset of the data in its first page, below 4096 */
  UINT8 operation;       /**< VMBS_VSP_READ, _WRITE, _DISCARD, _TRANSMIT, _RECEIVE */
  UINT8 outcome;         /**< of a transmit: VMBS_VSP_IN_FLIGHT, _SENT, _DROPPED */
  UINT8 reserved[2];     /**< 0 */
  UINT32 callback_ns;    /**< what each SavePacket call of its packet takes longer; of VSPs that can do so, else 0 */
  UINT64 transaction_id; /**< of a receive, as the guest saw it: the VSP's side chose it. 0 elsewhere */
  UINT32 first_buffer;   /**< of a receive, as the guest saw them: the first of the receive buffers that it lies in, */
  UINT32 buffers;        /**< and how many there are. 0 elsewhere */
} VMBS_VSP_REQUEST;

/* ---- what the guest puts on the ring for it ---------------------------------------------------------------------- */

#define VMBS_VSP_MAX_INLINE 64 /**< bytes of a packet, and of a completion: the rings are sized by it */
#define VMBS_VSP_MAX_RANGES 32 /**< GPA ranges of a packet */
#define VMBS_VSP_MAX_PAGES 65  /**< pages of a packet's ranges together */

/** A stretch of guest memory. */
typedef struct VMBS_VSP_RANGE {
  UINT32 byte_count;  /**< not 0 */
  UINT32 byte_offset; /**< of the range in its first page, below 4096 */
  UINT32 page_count;  /**< pages that the range touches */
} VMBS_VSP_RANGE;

/** A packet of the guest, made by encode: inline bytes and GPA ranges. */
typedef struct VMBS_VSP_PACKET {
  UINT8 bytes[VMBS_VSP_MAX_INLINE]; /**< what ProcessPacket gets as its buffer */
  UINT32 length;                    /**< of bytes; a multiple of 8, as the wire has no other lengths */
  UINT32 held;        /**< what of the device the packet holds until retire: the VSP's own number; 0: nothing */
  UINT32 range_count; /**< 0: no external data */
  VMBS_VSP_RANGE ranges[VMBS_VSP_MAX_RANGES]; /**< range_count of them */
  UINT64 pages[VMBS_VSP_MAX_PAGES]; /**< numbers of the ranges' pages, those of one range behind those of the other */
} VMBS_VSP_PACKET;

/* ---- the VSP ----------------------------------------------------------------------------------------------------- */

/** What carries requests out: the disk, or the network, behind the VSP. */
typedef struct VMBS_VSP_BACKEND {
  VOID* context; /**< for submit */
  /** Takes a request. Called from ProcessPacket and, after a restore, for each request that is re-issued; it may
   * complete the packet at once or later, from any thread, through VMBS_VSP.complete. transaction_id: the packet's. */
  VOID (*submit)(VOID* context, VMBPACKET packet, UINT64 transaction_id);
  VOID* device; /**< that the channel belongs to; NULL if the VSP has none */
} VMBS_VSP_BACKEND;

#define VMBS_VSP_VERSION 2 /**< of VMBS_VSP */

/** A VSP. Set version, size, name, configure, complete and encode; whatever else is 0 or NULL is not there. */
typedef struct VMBS_VSP {
  UINT32 version;              /**< VMBS_VSP_VERSION */
  UINT32 size;                 /**< sizeof(VMBS_VSP) */
  const char* name;            /**< in results: 1 to 64 printable ASCII characters */
  UINT32 max_state_bytes;      /**< largest SaveBuf that reference_state writes */
  UINT32 concurrent_callbacks; /**< not 0: SavePacket may run for several packets of one channel at once. Whoever calls
                                    configure sets the channel so afterwards */

  /* The device: what the channels of one VM share, and with the guest. */

  /** A new device of a VM; gives NULL if there is no memory. NULL: the VSP has none, and destroy_device is NULL too. */
  VOID* (*create_device)(VOID);
  /** After the last of its channels was cleaned up. */
  VOID (*destroy_device)(VOID* device);

  /* The VSP's side. */

  /** The Init* calls of an allocated channel, its callbacks among them, with a maximum packet size of at most
   * VMBS_VSP_MAX_INLINE bytes. The backend outlives the channel, so that its address may be kept. */
  NTSTATUS (*configure)(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend);
  /** The backend is done with a request, with this status: the packet is completed now. Any thread. */
  VOID (*complete)(VMBPACKETCOMPLETION packet, NTSTATUS status);
  /** The backend is done with a request, and its completion is still held back; complete follows, and tells this status
   * whatever its own is. NULL: the VSP holds none back. */
  VOID (*settle)(VMBPACKETCOMPLETION packet, NTSTATUS status);
  /** The VSP sends a request of VMBS_VSP_RECEIVE to the guest. STATUS_SUCCESS: sent or queued, and in use until the
   * guest has answered; STATUS_INVALID_PARAMETER: it does not fit the protocol; STATUS_QUOTA_EXCEEDED: as many packets
   * are in use as the channel may send; STATUS_INSUFFICIENT_RESOURCES: the device has not so many receive buffers side
   * by side; STATUS_DEVICE_BUSY: not during a save. Any thread. NULL: the VSP sends nothing, and accept and answer are
   * NULL too. */
  NTSTATUS (*deliver)(VMBCHANNEL channel, const VMBS_VSP_REQUEST* request);
  /** After every channel of the VM was restored and this one is open: hands its restored requests to the backend again;
   * a transmit may be completed instead. NULL: the VSP does so by itself once the channel is started. */
  VOID (*reissue)(VMBCHANNEL channel);
  /** Frees what configure made, and gives back what the channel holds of its device. The channel is still allocated,
   * but nobody signals, saves or restores it any more: it was disabled, and no save of its VM runs, or
   * VmbChannelCleanup follows at once and drops the packets in use, which complete is not called for. NULL: nothing is
   * to be freed. */
  VOID (*release)(VMBCHANNEL channel);

  /* The guest's side. */

  /** The packet for a request, which is not a receive; `packet` comes zeroed. STATUS_INVALID_PARAMETER if the request
   * does not fit the protocol. device: NULL if there is none. */
  NTSTATUS (*encode)(VOID* device, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet);
  /** The completion of the packet has come: what it held (VMBS_VSP_PACKET.held) is free again. NULL: encode takes
   * nothing. */
  VOID (*retire)(VOID* device, UINT32 held);
  /** The status that a completion tells. STATUS_INVALID_PARAMETER: it is no completion of this protocol. NULL: what
   * completions tell is not looked at. */
  NTSTATUS (*outcome)(const UINT8* bytes, UINT32 length, NTSTATUS* status);
  /** A packet of the VSP's has come: is it this request, whole? Sets first_buffer and buffers.
   * STATUS_INVALID_PARAMETER: no. */
  NTSTATUS (*accept)(VOID* device, const UINT8* bytes, UINT32 length, VMBS_VSP_REQUEST* request);
  /** The completion for a packet that was accepted: bytes written to out (VMBS_VSP_MAX_INLINE large). */
  UINT32 (*answer)(UINT8* out);

  /* What must be saved. */

  /** What SavePacket must give for this request: bytes written to out (max_state_bytes large). Shares no code with
   * SavePacket. NULL: states are compared only with what SavePacket gave for the same packet before: in a replay the
   * state in the restored VM with the one in the image, in the benchmark each image with a save packet by packet. A
   * state that is wrong from the start, such as one with a field left out, goes unnoticed then. */
  UINT32 (*reference_state)(const VMBS_VSP_REQUEST* request, UINT8* out);
} VMBS_VSP;

/* ---- as a shared object ------------------------------------------------------------------------------------------ */

#define VMBS_VSP_FACTORY "vmbs_vsp" /**< the name of the one function that a shared object exports */
#if defined(_WIN32)
#define VMBS_VSP_EXPORT __declspec(dllexport)
#else
#define VMBS_VSP_EXPORT __attribute__((visibility("default"))) /**< exported, also with -fvisibility=hidden */
#endif

/**
 * Defined by the author of a VSP. Called once, by the thread that loads the object, before anything else of it.
 *
 * @return the VSP, valid while the object is loaded; NULL: it cannot be used here
 */
VMBS_VSP_EXPORT const VMBS_VSP* vmbs_vsp(void);

#ifdef __cplusplus
}
#endif
#endif
