/*
 * plugin_side.c: the template's VSP with something changed, as definitions say: what somebody may bring by mistake, and
 * what need not be there.
 */
#include "vmbsave/vsp.h"

#ifdef SIDE_NO_FACTORY
#define vmbs_vsp another_name
#else
#define vmbs_vsp template_vsp
#endif
#include "embed/template/minivsp.c"
#undef vmbs_vsp

#ifdef SIDE_NEEDS
extern int SIDE_NEEDS(void);
int needed(void);
int needed(void) { return SIDE_NEEDS(); }
#endif

/* Exported, as everything is where nobody asked for less. */
#ifdef SIDE_DEFINES_A_FUNCTION
VMBS_VSP_EXPORT VOID VmbChannelPacketComplete(VMBPACKETCOMPLETION Packet, PVOID Buffer, UINT32 BufSize) {
  (void)Packet;
  (void)Buffer;
  (void)BufSize;
}
#endif

/* Reached from nowhere: that an engine is linked, and not that it is used, is what counts. */
#ifdef SIDE_KEEPS_ENGINE
VMBCHANNEL kept_engine(VOID);
VMBCHANNEL kept_engine(VOID) {
  VMBCHANNEL channel = NULL;
  (void)VmbChannelAllocate(NULL, 1, &channel);
  return channel;
}
#endif

/* A byte of each saved state is lost on its way. */
#ifdef SIDE_FORGETS
static NTSTATUS forgetful_restore(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, PVOID SaveBuf,
                                  UINT32 SaveBufSize) {
  ask changed;
  if (SaveBufSize != sizeof changed) return STATUS_INVALID_PARAMETER;
  memcpy(&changed, SaveBuf, sizeof changed);
  changed.Bytes += 512;
  return restore_packet(Channel, LibBuf, LibBufSize, &changed, SaveBufSize);
}
static NTSTATUS forgetful_configure(VMBCHANNEL Channel, const VMBS_VSP_BACKEND *Backend) {
  const NTSTATUS status = configure(Channel, Backend);
  if (!NT_SUCCESS(status)) return status;
  return VmbServerChannelInitSetSaveRestorePacketCallbacks(Channel, save_packet, forgetful_restore);
}
#endif

/* Where nobody but the program may: exit, or quick_exit. */
#ifdef SIDE_EXITS_IN_A_SAVE
static NTSTATUS exiting_save(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize,
                             PUINT32 BytesNeeded) {
  if (SaveBufSize != 0) SIDE_EXITS_IN_A_SAVE(0);
  return save_packet(Channel, Packet, SaveBuf, SaveBufSize, BytesNeeded);
}
static NTSTATUS exiting_configure(VMBCHANNEL Channel, const VMBS_VSP_BACKEND *Backend) {
  const NTSTATUS status = configure(Channel, Backend);
  if (!NT_SUCCESS(status)) return status;
  return VmbServerChannelInitSetSaveRestorePacketCallbacks(Channel, exiting_save, restore_packet);
}
#endif

/* More than max_state_bytes, and SIDE_REFERENCE_SAYS as its length. */
#ifdef SIDE_REFERENCE_SAYS
static UINT32 long_reference_state(const VMBS_VSP_REQUEST *Request, UINT8 *Out) {
  memset(Out, 0x5A, 65536);
  (void)reference_state(Request, Out);
  return SIDE_REFERENCE_SAYS;
}
#endif

/* Restored requests start by themselves, once the channel does. */
#ifdef SIDE_LEAVES_ALL_OUT
static EVT_VMB_CHANNEL_POST_STARTED on_post_started;
static VOID on_post_started(VMBCHANNEL Channel) { reissue(Channel); }
/* What a channel has is nobody's to free. */
static NTSTATUS configure_static(VMBCHANNEL Channel, const VMBS_VSP_BACKEND *Backend) {
  static disk disks[1024];
  static UINT32 used = 0;
  const NTSTATUS status = configure(Channel, Backend);
  if (!NT_SUCCESS(status)) return status;
  disks[used % 1024] = *disk_of(Channel);
  free(disk_of(Channel));
  VmbChannelSetPointer(Channel, &disks[used++ % 1024]);
  return status;
}
static NTSTATUS configure_all(VMBCHANNEL Channel, const VMBS_VSP_BACKEND *Backend) {
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS callbacks;
  NTSTATUS status = configure_static(Channel, Backend);
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&callbacks);
  callbacks.EvtChannelPostStarted = on_post_started;
  if (NT_SUCCESS(status)) status = VmbChannelInitSetStateChangeCallbacks(Channel, &callbacks);
  return status;
}
#endif

#ifdef SIDE_LONG_PACKETS
static NTSTATUS configure_long(VMBCHANNEL Channel, const VMBS_VSP_BACKEND *Backend) {
  const NTSTATUS status = configure(Channel, Backend);
  return NT_SUCCESS(status) ? VmbChannelInitSetMaximumPacketSize(Channel, 4096) : status;
}
#endif

#ifdef SIDE_ODD_PACKETS
static NTSTATUS encode_odd(VOID *Device, const VMBS_VSP_REQUEST *Request, VMBS_VSP_PACKET *Packet) {
  const NTSTATUS status = encode(Device, Request, Packet);
  Packet->length = VMBS_VSP_MAX_INLINE + 8;
  return status;
}
#endif

#ifdef SIDE_HALF_A_SENDER
static NTSTATUS deliver(VMBCHANNEL Channel, const VMBS_VSP_REQUEST *Request) {
  (void)Channel;
  (void)Request;
  return STATUS_INVALID_PARAMETER;
}
#endif

#ifdef SIDE_HALF_A_DEVICE
static VOID *create_device(VOID) { return malloc(1); }
#endif

#ifndef SIDE_NO_FACTORY
const VMBS_VSP *vmbs_vsp(void) {
#ifdef SIDE_NULL
  return NULL;
#else
  static VMBS_VSP changed;
  changed = *template_vsp();
#ifdef SIDE_VERSION
  changed.version = SIDE_VERSION;
#endif
#ifdef SIDE_SIZE
  changed.size = SIDE_SIZE;
#endif
#ifdef SIDE_NAME
  changed.name = SIDE_NAME;
#endif
#ifdef SIDE_NOTHING_ASKED_FOR
  changed.configure = NULL;
  changed.encode = NULL;
#endif
#ifdef SIDE_NO_REFERENCE
  changed.reference_state = NULL;
#endif
#ifdef SIDE_LEAVES_ALL_OUT
  changed.configure = configure_all;
  changed.max_state_bytes = 0;
  changed.reissue = NULL;
  changed.release = NULL;
  changed.outcome = NULL;
  changed.reference_state = NULL;
#endif
#ifdef SIDE_FORGETS
  changed.configure = forgetful_configure;
#endif
#ifdef SIDE_EXITS_IN_A_SAVE
  changed.configure = exiting_configure;
#endif
#ifdef SIDE_EXITS_WHEN_LOADED
  exit(0);
#endif
#ifdef SIDE_REFERENCE_SAYS
  changed.reference_state = long_reference_state;
#endif
#ifdef SIDE_LONG_PACKETS
  changed.configure = configure_long;
#endif
#ifdef SIDE_ODD_PACKETS
  changed.encode = encode_odd;
#endif
#ifdef SIDE_HALF_A_SENDER
  changed.deliver = deliver;
#endif
#ifdef SIDE_HALF_A_DEVICE
  changed.create_device = create_device;
#endif
  return &changed;
#endif
}
#endif
