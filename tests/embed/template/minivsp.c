/*
 * minivsp.c: a whole VSP for vmbsave in one file, to be copied: a disk that reads and writes.
 *
 *     cc -std=c11 -shared -fPIC -I.../engine/include -o libminivsp.so minivsp.c
 *     vmbsave replay --profile cloudphysics --vsp ./libminivsp.so
 *     vmbsave-bench --vsp=./libminivsp.so --suite=smoke
 *
 * Its guest sends an `ask` and gets an `answer`. In between the packet is in use: a save keeps it, and where the image
 * is restored the request starts again. Everything that is called Vmb... is a function of the program that loads this.
 */
#include <stdlib.h>
#include <string.h>

#include "vmbsave/kmcl.h"
#include "vmbsave/kmcl_ext.h"
#include "vmbsave/vsp.h"

/* ---- what travels between the guest and the VSP ------------------------------------------------------------------- */

typedef struct ask {
  UINT64 Sector;
  UINT32 Bytes;
  UINT32 Operation; /* VMBS_VSP_READ, _WRITE, _DISCARD */
} ask;

typedef struct answer {
  NTSTATUS Status;
  UINT32 Reserved;
} answer;

/* ---- what the VSP remembers ---------------------------------------------------------------------------------------- */

/* Of a channel. */
typedef struct disk {
  const VMBS_VSP_BACKEND *Backend;
  VMBPACKET FirstRestored; /* in the order of their restore, linked through the packets' own pointers, */
  VMBPACKET LastRestored;  /* until reissue takes them */
} disk;

static disk *disk_of(VMBCHANNEL Channel) { return (disk *)VmbChannelGetPointer(Channel); }

/* Of a packet: its client context, which the library keeps as long as the packet is in use. Written before anybody else
 * sees the packet, and only read from then on: SavePacket may run on another thread at any time. */
static ask *ask_of(VMBPACKET Packet) { return (ask *)VmbsPacketGetClientContext(Packet); }

static BOOLEAN is_malformed(const ask *Ask) { return Ask->Operation > VMBS_VSP_DISCARD; }

/* ---- a request from its arrival to its end ------------------------------------------------------------------------- */

/* Also called by the backend, when it has carried the request out. The packet is gone when this returns. */
static VOID complete(VMBPACKETCOMPLETION Packet, NTSTATUS Status) {
  answer a = {Status, 0};
  VmbChannelPacketComplete(Packet, &a, sizeof a);
}

static VOID start(VMBCHANNEL Channel, VMBPACKET Packet) {
  const VMBS_VSP_BACKEND *const backend = disk_of(Channel)->Backend;
  if (is_malformed(ask_of(Packet))) {
    complete(Packet, STATUS_INVALID_PARAMETER);
  } else {
    backend->submit(backend->context, Packet, VmbsPacketGetTransactionId(Packet));
  }
}

/* The buffer is the ring's, and gone after this call: what is needed of it is copied. */
static VOID process_packet(VMBCHANNEL Channel, VMBPACKETCOMPLETION Packet, PVOID Buffer, UINT32 Length, UINT32 Flags) {
  static const ask malformed = {0, 0, 0xFFFFFFFFu};
  (void)Flags;
  memcpy(ask_of(Packet), Length == sizeof(ask) ? Buffer : (const VOID *)&malformed, sizeof(ask));
  start(Channel, Packet);
}

/* ---- save and restore ---------------------------------------------------------------------------------------------- */

/* Called twice a packet: for the size, with room for 0 bytes, and with as much room as was asked for. */
static NTSTATUS save_packet(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize,
                            PUINT32 BytesNeeded) {
  (void)Channel;
  *BytesNeeded = sizeof(ask);
  if (SaveBufSize < sizeof(ask)) return STATUS_BUFFER_TOO_SMALL;
  memcpy(SaveBuf, ask_of(Packet), sizeof(ask));
  return STATUS_SUCCESS;
}

/* A new packet takes what was saved, and then its place among the packets in use. Nobody vouches for SaveBuf. */
static NTSTATUS restore_one(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, const VOID *SaveBuf,
                            UINT32 SaveBufSize) {
  disk *const self = disk_of(Channel);
  VMBPACKET packet;
  NTSTATUS status;
  if (SaveBufSize != sizeof(ask)) return STATUS_INVALID_PARAMETER;
  packet = VmbPacketAllocate(Channel);
  if (packet == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  memcpy(ask_of(packet), SaveBuf, sizeof(ask));
  status = VmbPacketRestore(packet, LibBuf, LibBufSize);
  if (!NT_SUCCESS(status)) {
    VmbPacketFree(packet);
    return status;
  }
  VmbPacketSetPointer(packet, NULL);
  if (self->FirstRestored == NULL) {
    self->FirstRestored = packet;
  } else {
    VmbPacketSetPointer(self->LastRestored, packet);
  }
  self->LastRestored = packet;
  return STATUS_SUCCESS;
}

/* After a failure the library empties the channel: the list's packets are gone. */
static NTSTATUS restore_packet(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, PVOID SaveBuf, UINT32 SaveBufSize) {
  const NTSTATUS status = restore_one(Channel, LibBuf, LibBufSize, SaveBuf, SaveBufSize);
  if (!NT_SUCCESS(status)) disk_of(Channel)->FirstRestored = NULL;
  return status;
}

/* A packet leaves the list before it starts: it may be over when start returns. */
static VOID reissue(VMBCHANNEL Channel) {
  disk *const self = disk_of(Channel);
  while (self->FirstRestored != NULL) {
    const VMBPACKET packet = self->FirstRestored;
    self->FirstRestored = (VMBPACKET)VmbPacketGetPointer(packet);
    start(Channel, packet);
  }
}

/* ---- the life of a channel ----------------------------------------------------------------------------------------- */

static NTSTATUS configure(VMBCHANNEL Channel, const VMBS_VSP_BACKEND *Backend) {
  disk *self;
  NTSTATUS status = VmbChannelInitSetClientContextSize(Channel, sizeof(ask));
  if (NT_SUCCESS(status)) status = VmbChannelInitSetMaximumPacketSize(Channel, sizeof(ask));
  if (NT_SUCCESS(status)) status = VmbChannelInitSetProcessPacketCallbacks(Channel, process_packet, NULL);
  if (NT_SUCCESS(status)) {
    status = VmbServerChannelInitSetSaveRestorePacketCallbacks(Channel, save_packet, restore_packet);
  }
  if (!NT_SUCCESS(status)) return status;
  self = (disk *)calloc(1, sizeof *self);
  if (self == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  self->Backend = Backend;
  VmbChannelSetPointer(Channel, self);
  return STATUS_SUCCESS;
}

static VOID release(VMBCHANNEL Channel) { free(disk_of(Channel)); }

/* ---- the guest's side: what vmbsave puts on the ring, and what it makes of the answer ------------------------------ */

static NTSTATUS encode(VOID *Device, const VMBS_VSP_REQUEST *Request, VMBS_VSP_PACKET *Packet) {
  const ask a = {Request->lba, Request->bytes, Request->operation};
  (void)Device;
  if (is_malformed(&a)) return STATUS_INVALID_PARAMETER; /* frames are for other VSPs */
  memcpy(Packet->bytes, &a, sizeof a);
  Packet->length = sizeof a;
  return STATUS_SUCCESS;
}

static NTSTATUS outcome(const UINT8 *Bytes, UINT32 Length, NTSTATUS *Status) {
  answer a;
  if (Length != sizeof a) return STATUS_INVALID_PARAMETER;
  memcpy(&a, Bytes, sizeof a);
  *Status = a.Status;
  return STATUS_SUCCESS;
}

/* What must have been saved of a request, said a second time and byte by byte: every image is compared with it. */
static UINT32 reference_state(const VMBS_VSP_REQUEST *Request, UINT8 *Out) {
  UINT32 i;
  memset(Out, 0, 16);
  for (i = 0; i < 8; ++i) Out[i] = (UINT8)(Request->lba >> (8 * i));
  for (i = 0; i < 4; ++i) Out[8 + i] = (UINT8)(Request->bytes >> (8 * i));
  Out[12] = Request->operation;
  return 16;
}

/* ---- what the program asks for ------------------------------------------------------------------------------------- */

const VMBS_VSP *vmbs_vsp(void) {
  static const VMBS_VSP vsp = {.version = VMBS_VSP_VERSION,
                               .size = sizeof(VMBS_VSP),
                               .name = "minivsp",
                               .max_state_bytes = 16,
                               .concurrent_callbacks = 1,
                               .configure = configure,
                               .complete = complete,
                               .reissue = reissue,
                               .release = release,
                               .encode = encode,
                               .outcome = outcome,
                               .reference_state = reference_state};
  return &vsp;
}
