/*
 * vsp.h: how a virtualization service provider describes itself to the bench. C11, so that a shared object can bring
 * its own.
 *
 * One VMBS_VSP holds the provider itself (configure, complete, release), the guest's side of its protocol (encode) and
 * an independent statement of what it must save (reference_state), against which every image is compared.
 */
#ifndef VMBSAVE_BENCH_VSP_H
#define VMBSAVE_BENCH_VSP_H

#include "vmbsave/kmcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A request of the guest, from a trace or a profile. Every field follows from the record, so that it can be made again
 * at any time. */
typedef struct VMBS_VSP_REQUEST {
  UINT64 record;     /* number of the record, from 0; seeds the generated page numbers; transaction id = record + 1 */
  UINT64 lba;        /* in 512-byte sectors */
  UINT64 tag;        /* the trace's own id of the request */
  UINT32 bytes;      /* of data; a multiple of 512; 0 only for a discard whose length is not known */
  UINT32 first_byte; /* offset of the data in its first page, below 4096 */
  UINT8 operation;   /* VMBS_VSP_READ, _WRITE, _DISCARD */
  UINT8 reserved[3];
  UINT32 callback_ns; /* what each SavePacket call of its packet takes longer; of VSPs that can do so, 0 elsewhere */
} VMBS_VSP_REQUEST;
#define VMBS_VSP_READ 0
#define VMBS_VSP_WRITE 1
#define VMBS_VSP_DISCARD 2

/* What the guest puts on the ring for a request, made by encode: inline bytes and at most one GPA range. The VSP's
 * completions have at most VMBS_VSP_MAX_INLINE bytes too: the bench sizes the rings by these limits. */
#define VMBS_VSP_MAX_INLINE 64
#define VMBS_VSP_MAX_PAGES 65
typedef struct VMBS_VSP_PACKET {
  UINT8 bytes[VMBS_VSP_MAX_INLINE];
  UINT32 length;                    /* of bytes; a multiple of 8, as the wire has no other lengths */
  UINT32 byte_count;                /* of the range; 0: no external data */
  UINT32 byte_offset;               /* of the range in its first page, below 4096 */
  UINT32 page_count;                /* pages that the range touches */
  UINT64 pages[VMBS_VSP_MAX_PAGES]; /* their numbers */
} VMBS_VSP_PACKET;

/* What carries requests out. submit is called from ProcessPacket and, after a restore, for each re-issued request; it
 * may complete the packet at once or later, from any thread, through VMBS_VSP.complete. */
typedef struct VMBS_VSP_BACKEND {
  VOID* context;
  VOID (*submit)(VOID* context, VMBPACKET packet, UINT64 transaction_id);
} VMBS_VSP_BACKEND;

#define VMBS_VSP_VERSION 1
typedef struct VMBS_VSP {
  UINT32 version; /* VMBS_VSP_VERSION */
  UINT32 size;    /* sizeof(VMBS_VSP) */
  const char* name;
  UINT32 max_state_bytes;      /* largest SaveBuf that reference_state writes */
  UINT32 concurrent_callbacks; /* not 0: SavePacket may run for several packets of one channel at once */

  /* Init* calls and callbacks of an allocated channel, with a maximum packet size of at most VMBS_VSP_MAX_INLINE; the
   * backend must outlive the channel. */
  NTSTATUS (*configure)(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend);
  /* The backend is done with a request. Status as NTSTATUS. */
  VOID (*complete)(VMBPACKETCOMPLETION packet, NTSTATUS status);
  /* After every channel of the VM was restored and this one is open: hands its restored requests to the backend
   * again. */
  VOID (*reissue)(VMBCHANNEL channel);
  /* Frees what configure made. The channel is still allocated, but nobody signals, saves or restores it any more: it
   * was disabled, or VmbChannelCleanup follows at once and drops the packets in use, which complete is not called for. */
  VOID (*release)(VMBCHANNEL channel);

  /* The guest's side: the packet for a request. STATUS_INVALID_PARAMETER if the request does not fit the protocol. */
  NTSTATUS (*encode)(const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet);
  /* What SavePacket must give for this request: bytes written to out (max_state_bytes large). Shares no code with
   * SavePacket. */
  UINT32 (*reference_state)(const VMBS_VSP_REQUEST* request, UINT8* out);
} VMBS_VSP;

#ifdef __cplusplus
}
#endif
#endif
