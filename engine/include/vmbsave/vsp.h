/*
 * vsp.h: how a virtualization service provider describes itself to the bench. C11, so that a shared object can bring
 * its own.
 *
 * One VMBS_VSP holds the provider itself (configure, complete, release), the guest's side of its protocol (encode,
 * outcome) and an independent statement of what it must save (reference_state), against which every image is compared.
 * A VSP that sends to its guest has deliver, and the guest's side of that: accept and answer.
 */
#ifndef VMBSAVE_VSP_H
#define VMBSAVE_VSP_H

#include "vmbsave/kmcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A request of the guest, or a frame for it, from a trace or a profile. The fields up to callback_ns follow from the
 * record, so that it can be made again at any time; the others say what became of it. */
typedef struct VMBS_VSP_REQUEST {
  UINT64 record;     /* number of the record, from 0; seeds what is generated; a guest's transaction id = record + 1 */
  UINT64 lba;        /* in 512-byte sectors; 0 for a frame */
  UINT64 tag;        /* the trace's own id of the request; of a frame: hash of its flow */
  UINT32 bytes;      /* of data; a multiple of 512; 0 only for a discard whose length is not known. Of a frame: any */
  UINT32 first_byte; /* offset of the data in its first page, below 4096 */
  UINT8 operation;   /* VMBS_VSP_READ, _WRITE, _DISCARD, _TRANSMIT, _RECEIVE */
  UINT8 outcome;     /* of a transmit: VMBS_VSP_IN_FLIGHT, _SENT, _DROPPED */
  UINT8 reserved[2];
  UINT32 callback_ns;    /* what each SavePacket call of its packet takes longer; of VSPs that can do so, 0 elsewhere */
  UINT64 transaction_id; /* of a receive, as the guest saw it: the VSP's side chose it. 0 elsewhere */
  UINT32 first_buffer;   /* of a receive, as the guest saw them: the first of the receive buffers that it lies in, */
  UINT32 buffers;        /* and how many there are. 0 elsewhere */
} VMBS_VSP_REQUEST;
#define VMBS_VSP_READ 0
#define VMBS_VSP_WRITE 1
#define VMBS_VSP_DISCARD 2
#define VMBS_VSP_TRANSMIT 3 /* a frame of the guest's */
#define VMBS_VSP_RECEIVE 4  /* a frame for the guest: the VSP sends it */
#define VMBS_VSP_IN_FLIGHT 0
#define VMBS_VSP_SENT 1
#define VMBS_VSP_DROPPED 2

/* What the guest puts on the ring for a request, made by encode: inline bytes and GPA ranges. The VSP's packets and
 * completions have at most VMBS_VSP_MAX_INLINE bytes too: the bench sizes the rings by these limits. */
#define VMBS_VSP_MAX_INLINE 64
#define VMBS_VSP_MAX_RANGES 32
#define VMBS_VSP_MAX_PAGES 65
typedef struct VMBS_VSP_RANGE {
  UINT32 byte_count;  /* not 0 */
  UINT32 byte_offset; /* of the range in its first page, below 4096 */
  UINT32 page_count;  /* pages that the range touches */
} VMBS_VSP_RANGE;
typedef struct VMBS_VSP_PACKET {
  UINT8 bytes[VMBS_VSP_MAX_INLINE];
  UINT32 length;      /* of bytes; a multiple of 8, as the wire has no other lengths */
  UINT32 held;        /* what of the device the packet holds until retire: the VSP's own number; 0: nothing */
  UINT32 range_count; /* 0: no external data */
  VMBS_VSP_RANGE ranges[VMBS_VSP_MAX_RANGES];
  UINT64 pages[VMBS_VSP_MAX_PAGES]; /* numbers of the ranges' pages, those of one range behind those of the other */
} VMBS_VSP_PACKET;

/* What carries requests out. submit is called from ProcessPacket and, after a restore, for each re-issued request; it
 * may complete the packet at once or later, from any thread, through VMBS_VSP.complete. */
typedef struct VMBS_VSP_BACKEND {
  VOID* context;
  VOID (*submit)(VOID* context, VMBPACKET packet, UINT64 transaction_id);
  VOID* device; /* that the channel belongs to; NULL if the VSP has none */
} VMBS_VSP_BACKEND;

#define VMBS_VSP_VERSION 2
typedef struct VMBS_VSP {
  UINT32 version; /* VMBS_VSP_VERSION */
  UINT32 size;    /* sizeof(VMBS_VSP) */
  const char* name;
  UINT32 max_state_bytes;      /* largest SaveBuf that reference_state writes */
  UINT32 concurrent_callbacks; /* not 0: SavePacket may run for several packets of one channel at once */

  /* ---- the device: what the channels of one VM share, and with the guest. Both NULL: the VSP has none. ---- */

  /* NULL: no memory. */
  VOID* (*create_device)(VOID);
  /* After the last of its channels was cleaned up. */
  VOID (*destroy_device)(VOID* device);

  /* ---- the VSP's side ---- */

  /* Init* calls and callbacks of an allocated channel, with a maximum packet size of at most VMBS_VSP_MAX_INLINE; the
   * backend must outlive the channel. */
  NTSTATUS (*configure)(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend);
  /* The backend is done with a request. Status as NTSTATUS. */
  VOID (*complete)(VMBPACKETCOMPLETION packet, NTSTATUS status);
  /* The backend is done with a request, and its completion is still held back; complete follows, and tells this status
   * whatever its own is. NULL: the VSP holds none back. */
  VOID (*settle)(VMBPACKETCOMPLETION packet, NTSTATUS status);
  /* The VSP sends a request of VMBS_VSP_RECEIVE to the guest. STATUS_SUCCESS: sent or queued, and in use until the
   * guest has answered; STATUS_INVALID_PARAMETER: it does not fit the protocol; STATUS_QUOTA_EXCEEDED: as many packets
   * are in use as the channel may send; STATUS_INSUFFICIENT_RESOURCES: the device has not so many receive buffers side
   * by side; STATUS_DEVICE_BUSY: not during a save. Any thread. NULL: the VSP sends nothing. */
  NTSTATUS (*deliver)(VMBCHANNEL channel, const VMBS_VSP_REQUEST* request);
  /* After every channel of the VM was restored and this one is open: hands its restored requests to the backend
   * again, or completes them. */
  VOID (*reissue)(VMBCHANNEL channel);
  /* Frees what configure made, and gives back what the channel holds of its device. The channel is still allocated, but
   * nobody signals, saves or restores it any more: it was disabled, and no save of its VM runs, or VmbChannelCleanup
   * follows at once and drops the packets in use, which complete is not called for. */
  VOID (*release)(VMBCHANNEL channel);

  /* ---- the guest's side ---- */

  /* The packet for a request. STATUS_INVALID_PARAMETER if the request does not fit the protocol. */
  NTSTATUS (*encode)(VOID* device, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet);
  /* The completion of the packet has come: what it held (VMBS_VSP_PACKET.held) is free again. NULL: encode takes
   * nothing. */
  VOID (*retire)(VOID* device, UINT32 held);
  /* The status that a completion tells. STATUS_INVALID_PARAMETER: it is no completion of this protocol. */
  NTSTATUS (*outcome)(const UINT8* bytes, UINT32 length, NTSTATUS* status);
  /* A packet of the VSP's has come: is it this request, whole? Sets first_buffer and buffers. STATUS_INVALID_PARAMETER:
   * no. NULL if deliver is. */
  NTSTATUS (*accept)(VOID* device, const UINT8* bytes, UINT32 length, VMBS_VSP_REQUEST* request);
  /* The completion for a packet that was accepted: bytes written to out (VMBS_VSP_MAX_INLINE large). NULL if deliver
   * is. */
  UINT32 (*answer)(UINT8* out);

  /* ---- what must be saved ---- */

  /* What SavePacket must give for this request: bytes written to out (max_state_bytes large). Shares no code with
   * SavePacket. */
  UINT32 (*reference_state)(const VMBS_VSP_REQUEST* request, UINT8* out);
} VMBS_VSP;

#ifdef __cplusplus
}
#endif
#endif
