/* A VSP of one channel as the author of a driver writes it, from the documentation in kmcl.h alone. For one thread.
 *
 * The guest asks, and gets its answer at once or when the VSP's work is done; the VSP sends notices, which the guest
 * acknowledges. */
#include <stdlib.h>
#include <string.h>

#include "vmbsave/kmcl.h"

/* ---- protocol: each packet and each completion is one message ---------------------------------------------------- */
enum {
  kind_ask = 1,   /* the guest's; answered at once with Value + 1 */
  kind_work = 2,  /* the guest's; answered with Value + 1 when the work is done */
  kind_flush = 3, /* the guest's; answered with 0 when the work is done: the VSP has nothing to save of it */
  kind_notice = 4 /* the VSP's; acknowledged with its Value */
};
enum { answer_done = 0, answer_cancelled = 1 };

typedef struct message {
  UINT32 Kind;
  UINT32 Value;
  UINT32 Answer; /* of a completion */
  UINT32 Reserved;
} message;

/* What is saved of a packet, but of a flush. */
typedef struct saved_request {
  UINT32 Kind;
  UINT32 Value;
} saved_request;

/* A packet in use. */
typedef struct request {
  struct request *Next;
  VMBPACKET Packet;
  UINT32 Kind;
  UINT32 Value;
} request;

typedef struct vsp {
  VMBCHANNEL Channel;
  request *Waiting;       /* the guest's requests, until they are done; oldest first */
  request *Notices;       /* until they are acknowledged */
  UINT32 Acknowledged;    /* sum of their values */
  UINT32 Cancelled;       /* notices that ended otherwise */
  UINT32 StateChanges[5]; /* opened, closed, suspended, started, post-started */
} vsp;

/* What a program does with this VSP. An image is what SaveContinue gave, each piece behind its length. */
NTSTATUS vsp_create(PDEVICE_OBJECT Parent, vsp **Vsp);
VOID vsp_start(vsp *Vsp);
VOID vsp_destroy(vsp *Vsp);
NTSTATUS vsp_notify(vsp *Vsp, UINT32 Value);
UINT32 vsp_complete_all(vsp *Vsp);
NTSTATUS vsp_save(vsp *Vsp, BOOLEAN HandOver, UINT8 **Image, size_t *ImageSize);
NTSTATUS vsp_restore(vsp *Vsp, UINT8 *Image, size_t ImageSize);
VMBCHANNEL vsp_channel(const vsp *Vsp);
UINT32 vsp_waiting(const vsp *Vsp);
UINT32 vsp_notices(const vsp *Vsp);
UINT32 vsp_acknowledged(const vsp *Vsp);
UINT32 vsp_cancelled(const vsp *Vsp);
UINT32 vsp_state_changes(const vsp *Vsp, UINT32 Which);

static vsp *vsp_of(VMBCHANNEL Channel) { return (vsp *)VmbChannelGetPointer(Channel); }

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* Remembers a packet at the end of a list, and the request in the packet. */
static request *add_request(request **List, VMBPACKET Packet, UINT32 Kind, UINT32 Value) {
  request *const r = (request *)malloc(sizeof *r);
  if (r == NULL) return NULL;
  while (*List != NULL) List = &(*List)->Next;
  r->Next = NULL;
  r->Packet = Packet;
  r->Kind = Kind;
  r->Value = Value;
  *List = r;
  VmbPacketSetPointer(Packet, r);
  return r;
}

static void forget_request(request **List, request *r) {
  while (*List != r) List = &(*List)->Next;
  *List = r->Next;
  free(r);
}

static void forget_all(request **List) {
  while (*List != NULL) forget_request(List, *List);
}

static UINT32 count_requests(const request *First) {
  UINT32 count = 0;
  for (; First != NULL; First = First->Next) ++count;
  return count;
}

static void reply(VMBPACKETCOMPLETION Packet, UINT32 Kind, UINT32 Value, UINT32 Answer) {
  message m;
  memset(&m, 0, sizeof m);
  m.Kind = Kind;
  m.Value = Value;
  m.Answer = Answer;
  VmbChannelPacketComplete(Packet, &m, sizeof m);
}

static UINT32 complete_all(vsp *Vsp, UINT32 Answer) {
  UINT32 count = 0;
  for (; Vsp->Waiting != NULL; ++count) {
    request *const r = Vsp->Waiting;
    reply(r->Packet, r->Kind, r->Kind == kind_work ? r->Value + 1 : 0, Answer);
    forget_request(&Vsp->Waiting, r);
  }
  return count;
}

/* ---- callbacks --------------------------------------------------------------------------------------------------- */
static EVT_VMB_CHANNEL_OPENED on_opened;
static EVT_VMB_CHANNEL_CLOSED on_closed;
static EVT_VMB_CHANNEL_SUSPEND on_suspend;
static EVT_VMB_CHANNEL_STARTED on_started;
static EVT_VMB_CHANNEL_POST_STARTED on_post_started;
static EVT_VMB_CHANNEL_PROCESS_PACKET on_packet;
static EVT_VMB_PACKET_COMPLETION_ROUTINE on_notice_ended;
static EVT_VMB_CHANNEL_SAVE_PACKET on_save;
static EVT_VMB_CHANNEL_RESTORE_PACKET on_restore;

static NTSTATUS on_opened(VMBCHANNEL Channel) {
  ++vsp_of(Channel)->StateChanges[0];
  return STATUS_SUCCESS;
}

static VOID on_closed(VMBCHANNEL Channel) { ++vsp_of(Channel)->StateChanges[1]; }

/* Whoever closes or pauses the channel waits for what is still waiting here. */
static VOID on_suspend(VMBCHANNEL Channel) {
  ++vsp_of(Channel)->StateChanges[2];
  (void)complete_all(vsp_of(Channel), answer_cancelled);
}

static VOID on_started(VMBCHANNEL Channel) { ++vsp_of(Channel)->StateChanges[3]; }

static VOID on_post_started(VMBCHANNEL Channel) { ++vsp_of(Channel)->StateChanges[4]; }

/* The buffer is gone after this call: what is needed of it is copied. */
static VOID on_packet(VMBCHANNEL Channel, VMBPACKETCOMPLETION Packet, PVOID Buffer, UINT32 BufferLength, UINT32 Flags) {
  vsp *const self = vsp_of(Channel);
  message m;
  (void)Flags;
  memset(&m, 0, sizeof m);
  if (BufferLength >= sizeof m) memcpy(&m, Buffer, sizeof m);
  if (m.Kind == kind_ask) {
    reply(Packet, m.Kind, m.Value + 1, answer_done);
  } else if (m.Kind != kind_work && m.Kind != kind_flush) {
    VmbChannelPacketFail(Packet);
  } else if (add_request(&self->Waiting, Packet, m.Kind, m.Value) == NULL) {
    reply(Packet, m.Kind, 0, answer_cancelled);
  }
}

static VOID on_notice_ended(VMBPACKET Packet, NTSTATUS Status, PVOID Buffer, UINT32 BufferLength) {
  vsp *const self = vsp_of(VmbPacketGetChannel(Packet));
  const message *const acknowledgement = (const message *)Buffer;
  if (NT_SUCCESS(Status) && BufferLength >= sizeof *acknowledgement) {
    self->Acknowledged += acknowledgement->Value;
  } else {
    ++self->Cancelled;
  }
  forget_request(&self->Notices, (request *)VmbPacketGetPointer(Packet));
  VmbPacketFree(Packet);
}

static NTSTATUS on_save(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize, PUINT32 BytesNeeded) {
  const request *const r = (const request *)VmbPacketGetPointer(Packet);
  saved_request state;
  (void)Channel;
  if (r->Kind == kind_flush) return STATUS_SUCCESS;
  *BytesNeeded = sizeof state;
  if (SaveBufSize < sizeof state) return STATUS_BUFFER_TOO_SMALL;
  state.Kind = r->Kind;
  state.Value = r->Value;
  memcpy(SaveBuf, &state, sizeof state);
  return STATUS_SUCCESS;
}

static NTSTATUS on_restore(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, PVOID SaveBuf, UINT32 SaveBufSize) {
  saved_request state = {kind_flush, 0};
  vsp *const self = vsp_of(Channel);
  request **list;
  request *r;
  NTSTATUS status;
  const VMBPACKET packet = VmbPacketAllocate(Channel);
  if (packet == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  if (SaveBufSize >= sizeof state) memcpy(&state, SaveBuf, sizeof state);
  list = state.Kind == kind_notice ? &self->Notices : &self->Waiting;
  r = add_request(list, packet, state.Kind, state.Value);
  if (r == NULL) {
    VmbPacketFree(packet);
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  if (state.Kind == kind_notice) VmbPacketSetCompletionRoutine(packet, on_notice_ended);
  status = VmbPacketRestore(packet, LibBuf, LibBufSize);
  if (!NT_SUCCESS(status)) {
    forget_request(list, r);
    VmbPacketFree(packet);
  }
  return status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static NTSTATUS configure(VMBCHANNEL Channel) {
  static const GUID interface_type = {0x6d7a3b1cu, 0x52f0, 0x4c1e, {0x9b, 0x27, 0x10, 0x4d, 0x8e, 0x3f, 0xa6, 0x55}};
  static const GUID interface_instance = {
      0x1f2e3d4cu, 0x5b6a, 0x4788, {0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0, 0x0f}};
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS callbacks;
  NTSTATUS status;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&callbacks);
  callbacks.EvtChannelOpened = on_opened;
  callbacks.EvtChannelClosed = on_closed;
  callbacks.EvtChannelSuspend = on_suspend;
  callbacks.EvtChannelStarted = on_started;
  callbacks.EvtChannelPostStarted = on_post_started;
  status = VmbChannelInitSetStateChangeCallbacks(Channel, &callbacks);
  if (NT_SUCCESS(status)) status = VmbChannelInitSetProcessPacketCallbacks(Channel, on_packet, NULL);
  if (NT_SUCCESS(status)) status = VmbServerChannelInitSetSaveRestorePacketCallbacks(Channel, on_save, on_restore);
  if (NT_SUCCESS(status))
    status = VmbServerChannelInitSetTargetInterfaceId(Channel, interface_type, interface_instance);
  if (NT_SUCCESS(status)) status = VmbChannelInitSetMaximumPacketSize(Channel, sizeof(message));
  return status;
}

NTSTATUS vsp_create(PDEVICE_OBJECT Parent, vsp **Vsp) {
  NTSTATUS status;
  vsp *const self = (vsp *)calloc(1, sizeof *self);
  if (self == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  status = VmbChannelAllocate(Parent, TRUE, &self->Channel);
  if (!NT_SUCCESS(status)) {
    free(self);
    return status;
  }
  VmbChannelSetPointer(self->Channel, self);
  status = configure(self->Channel);
  if (NT_SUCCESS(status)) status = VmbChannelEnable(self->Channel);
  if (!NT_SUCCESS(status)) {
    vsp_destroy(self);
    return status;
  }
  *Vsp = self;
  return STATUS_SUCCESS;
}

VOID vsp_start(vsp *Vsp) { VmbChannelStart(Vsp->Channel); }

VOID vsp_destroy(vsp *Vsp) {
  VmbChannelDisable(Vsp->Channel);
  VmbChannelCleanup(Vsp->Channel);
  forget_all(&Vsp->Waiting);
  forget_all(&Vsp->Notices); /* some are left after a hand-over: the library has the packets */
  free(Vsp);
}

NTSTATUS vsp_notify(vsp *Vsp, UINT32 Value) {
  message m;
  NTSTATUS status;
  request *r;
  const VMBPACKET packet = VmbPacketAllocate(Vsp->Channel);
  if (packet == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  r = add_request(&Vsp->Notices, packet, kind_notice, Value);
  if (r == NULL) {
    VmbPacketFree(packet);
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  memset(&m, 0, sizeof m);
  m.Kind = kind_notice;
  m.Value = Value;
  VmbPacketSetCompletionRoutine(packet, on_notice_ended);
  status = VmbPacketSend(packet, &m, sizeof m, NULL, VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION);
  if (!NT_SUCCESS(status)) {
    forget_request(&Vsp->Notices, r);
    VmbPacketFree(packet);
  }
  return status;
}

UINT32 vsp_complete_all(vsp *Vsp) { return complete_all(Vsp, answer_done); }

/* ---- save and restore -------------------------------------------------------------------------------------------- */

static BOOLEAN append(UINT8 **Image, size_t *ImageSize, const void *Bytes, size_t Count) {
  UINT8 *const grown = (UINT8 *)realloc(*Image, *ImageSize + Count);
  if (grown == NULL) return 0;
  memcpy(grown + *ImageSize, Bytes, Count);
  *Image = grown;
  *ImageSize += Count;
  return 1;
}

/* Calls SaveContinue with a buffer that starts small and grows as it asks. */
static NTSTATUS save_pieces(VMBCHANNEL Channel, UINT8 **Image, size_t *ImageSize) {
  ULONG size = 16;
  UINT8 *buffer = (UINT8 *)malloc(size);
  NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
  while (buffer != NULL) {
    ULONG filled = 0;
    ULONG required = 0;
    status = VmbChannelSaveContinue(Channel, buffer, size, &filled, &required);
    if (status != STATUS_SUCCESS && status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL) break;
    if (filled != 0 &&
        !(append(Image, ImageSize, &filled, sizeof filled) && append(Image, ImageSize, buffer, filled))) {
      status = STATUS_INSUFFICIENT_RESOURCES;
      break;
    }
    if (status == STATUS_SUCCESS) break;
    if (required > size) {
      size = required;
      free(buffer);
      buffer = (UINT8 *)malloc(size);
      status = STATUS_INSUFFICIENT_RESOURCES; /* unless the next call says otherwise */
    }
  }
  free(buffer);
  return status;
}

/* With HandOver the packets are no longer this endpoint's: whoever restores the image goes on with them. */
NTSTATUS vsp_save(vsp *Vsp, BOOLEAN HandOver, UINT8 **Image, size_t *ImageSize) {
  NTSTATUS status = VmbChannelSaveBegin(Vsp->Channel);
  *Image = NULL;
  *ImageSize = 0;
  if (!NT_SUCCESS(status)) return status;
  status = save_pieces(Vsp->Channel, Image, ImageSize);
  if (status == STATUS_SUCCESS && HandOver) VmbChannelDisable(Vsp->Channel);
  VmbChannelSaveEnd(Vsp->Channel);
  if (status == STATUS_SUCCESS) return status;
  free(*Image);
  *Image = NULL;
  *ImageSize = 0;
  return status;
}

/* Before vsp_start. On failure the channel is empty, and so are the lists. */
NTSTATUS vsp_restore(vsp *Vsp, UINT8 *Image, size_t ImageSize) {
  NTSTATUS status = STATUS_MORE_PROCESSING_REQUIRED;
  while (status == STATUS_MORE_PROCESSING_REQUIRED) {
    ULONG piece = 0;
    if (ImageSize >= sizeof piece) memcpy(&piece, Image, sizeof piece);
    if (piece == 0 || piece > ImageSize - sizeof piece) {
      status = STATUS_INVALID_PARAMETER;
      break;
    }
    status = VmbChannelRestoreFromBuffer(Vsp->Channel, Image + sizeof piece, piece);
    Image += sizeof piece + piece;
    ImageSize -= sizeof piece + piece;
  }
  if (status != STATUS_SUCCESS) {
    forget_all(&Vsp->Waiting);
    forget_all(&Vsp->Notices);
  }
  return status;
}

/* ---- for those who watch ----------------------------------------------------------------------------------------- */

VMBCHANNEL vsp_channel(const vsp *Vsp) { return Vsp->Channel; }
UINT32 vsp_waiting(const vsp *Vsp) { return count_requests(Vsp->Waiting); }
UINT32 vsp_notices(const vsp *Vsp) { return count_requests(Vsp->Notices); }
UINT32 vsp_acknowledged(const vsp *Vsp) { return Vsp->Acknowledged; }
UINT32 vsp_cancelled(const vsp *Vsp) { return Vsp->Cancelled; }
UINT32 vsp_state_changes(const vsp *Vsp, UINT32 Which) { return Vsp->StateChanges[Which]; }
