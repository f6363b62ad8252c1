/* Every name that kmcl.h and kmcl_ext.h declare, each used with the type that its documentation gives it. Compiled as C
 * and as C++, by several compilers and behind other headers; linked into a test program too, so that each function is
 * defined. */
#include "vmbsave/kmcl.h"
#include "vmbsave/kmcl_ext.h"

#ifdef __cplusplus
#define EXPECT(Condition) static_assert(Condition, #Condition)
#define LINKAGE extern "C"
#else
#define EXPECT(Condition) _Static_assert(Condition, #Condition)
#define LINKAGE extern
#endif

/* ---- sizes and values -------------------------------------------------------------------------------------------- */
EXPECT(sizeof(UINT8) == 1 && sizeof(BOOLEAN) == 1 && sizeof(UINT16) == 2 && sizeof(UINT32) == 4 && sizeof(UINT64) == 8);
EXPECT(sizeof(LONG) == 4 && sizeof(ULONG) == 4 && sizeof(*(PULONG)0) == 4 && sizeof(*(PUINT32)0) == 4);
EXPECT(sizeof(NTSTATUS) == 4 && (NTSTATUS)-1 < 0);
EXPECT(sizeof(GUID) == 16 && sizeof(PVOID) == 8 && sizeof(PDEVICE_OBJECT) == 8 && sizeof(PFN_NUMBER) == 8);
EXPECT(sizeof(MDL) == 48 && offsetof(MDL, ByteCount) == 40 && offsetof(MDL, ByteOffset) == 44);
EXPECT(sizeof(VMB_CHANNEL_STATE_CHANGE_CALLBACKS) == 48);

#define STATUS_IS(Name, Value) EXPECT((UINT32)(Name) == Value##u)
STATUS_IS(STATUS_SUCCESS, 0x00000000);
STATUS_IS(STATUS_PENDING, 0x00000103);
STATUS_IS(STATUS_MORE_ENTRIES, 0x00000105);
STATUS_IS(STATUS_BUFFER_OVERFLOW, 0x80000005);
STATUS_IS(STATUS_DEVICE_BUSY, 0x80000011);
STATUS_IS(STATUS_NO_MORE_ENTRIES, 0x8000001A);
STATUS_IS(STATUS_UNSUCCESSFUL, 0xC0000001);
STATUS_IS(STATUS_INVALID_HANDLE, 0xC0000008);
STATUS_IS(STATUS_INVALID_PARAMETER, 0xC000000D);
STATUS_IS(STATUS_INVALID_DEVICE_REQUEST, 0xC0000010);
STATUS_IS(STATUS_MORE_PROCESSING_REQUIRED, 0xC0000016);
STATUS_IS(STATUS_BUFFER_TOO_SMALL, 0xC0000023);
STATUS_IS(STATUS_OBJECT_NAME_COLLISION, 0xC0000035);
STATUS_IS(STATUS_DATA_ERROR, 0xC000003E);
STATUS_IS(STATUS_CRC_ERROR, 0xC000003F);
STATUS_IS(STATUS_QUOTA_EXCEEDED, 0xC0000044);
STATUS_IS(STATUS_REVISION_MISMATCH, 0xC0000059);
STATUS_IS(STATUS_INVALID_IMAGE_FORMAT, 0xC000007B);
STATUS_IS(STATUS_INSUFFICIENT_RESOURCES, 0xC000009A);
STATUS_IS(STATUS_IO_TIMEOUT, 0xC00000B5);
STATUS_IS(STATUS_INVALID_PARAMETER_1, 0xC00000EF);
STATUS_IS(STATUS_INVALID_PARAMETER_2, 0xC00000F0);
STATUS_IS(STATUS_INVALID_PARAMETER_3, 0xC00000F1);
STATUS_IS(STATUS_INVALID_PARAMETER_4, 0xC00000F2);
STATUS_IS(STATUS_INVALID_PARAMETER_5, 0xC00000F3);
STATUS_IS(STATUS_CANCELLED, 0xC0000120);
STATUS_IS(STATUS_UNHANDLED_EXCEPTION, 0xC0000144);
STATUS_IS(STATUS_INVALID_DEVICE_STATE, 0xC0000184);
STATUS_IS(STATUS_INVALID_BUFFER_SIZE, 0xC0000206);
EXPECT(NT_SUCCESS(STATUS_PENDING) && !NT_SUCCESS(STATUS_BUFFER_OVERFLOW) &&
       !NT_SUCCESS(STATUS_MORE_PROCESSING_REQUIRED));

EXPECT(VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION == 1 && VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH == 2);
EXPECT(VMBUS_CHANNEL_FORMAT_FLAG_PAGED_BUFFER == 4 && VMBUS_CHANNEL_FORMAT_FLAGS == 7);
EXPECT(VMBUS_CHANNEL_INIT_FLAG_IS_PIPE == 1 && VMBUS_CHANNEL_INIT_FLAGS == 1);
EXPECT(VMBUS_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER == 1 &&
       VMBUS_SERVER_CHANNEL_INIT_FLAG_ENUMERATE_DEVICE_INTERFACE == 2);
EXPECT(VMBUS_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE == 4 && VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL == 8);
EXPECT(VMBUS_SERVER_CHANNEL_INIT_FLAG_TLNPI_PROVIDER_OFFER == 16 && VMBUS_SERVER_CHANNEL_INIT_FLAGS == 31);
EXPECT(VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA == 1 && VMBUS_CHANNEL_PROCESS_PACKET_FLAGS == 1);
EXPECT(VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY == 1 && VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAGS == 1);
EXPECT(VMBS_INCOMING_DATA != VMBS_INCOMING_COMPLETION && VMBS_EXECUTOR_SERIAL != VMBS_EXECUTOR_THREADS);
EXPECT(VMBS_EXECUTOR_AUTO != VMBS_EXECUTOR_THREADS && VMBS_PLAN_EXACT != VMBS_PLAN_FUSED);
EXPECT(VMBS_PLAN_AUTO == 0 && VMBS_CALIBRATED == 0xFFFFFFFFu);

/* ---- callbacks: each declared as a driver declares its own, then defined ----------------------------------------- */
LINKAGE EVT_VMB_CHANNEL_OPENED surface_opened;
LINKAGE EVT_VMB_CHANNEL_CLOSED surface_closed;
LINKAGE EVT_VMB_CHANNEL_SUSPEND surface_suspend;
LINKAGE EVT_VMB_CHANNEL_STARTED surface_started;
LINKAGE EVT_VMB_CHANNEL_POST_STARTED surface_post_started;
LINKAGE EVT_VMB_CHANNEL_PROCESS_PACKET surface_process_packet;
LINKAGE EVT_VMB_CHANNEL_PROCESSING_COMPLETE surface_processing_complete;
LINKAGE EVT_VMB_PACKET_COMPLETION_ROUTINE surface_completion_routine;
LINKAGE EVT_VMB_CHANNEL_SAVE_PACKET surface_save_packet;
LINKAGE EVT_VMB_CHANNEL_RESTORE_PACKET surface_restore_packet;

NTSTATUS surface_opened(VMBCHANNEL Channel) { return Channel != NULL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL; }
VOID surface_closed(VMBCHANNEL Channel) { (void)Channel; }
VOID surface_suspend(VMBCHANNEL Channel) { (void)Channel; }
VOID surface_started(VMBCHANNEL Channel) { (void)Channel; }
VOID surface_post_started(VMBCHANNEL Channel) { (void)Channel; }
VOID surface_process_packet(VMBCHANNEL Channel, VMBPACKETCOMPLETION Packet, PVOID Buffer, UINT32 BufferLength,
                            UINT32 Flags) {
  (void)Channel, (void)Flags;
  VmbChannelPacketComplete(Packet, Buffer, BufferLength);
}
VOID surface_processing_complete(VMBCHANNEL Channel, UINT32 PacketsProcessed) { (void)Channel, (void)PacketsProcessed; }
VOID surface_completion_routine(VMBPACKET Packet, NTSTATUS Status, PVOID Buffer, UINT32 BufferLength) {
  (void)Status, (void)Buffer, (void)BufferLength;
  VmbPacketFree(Packet);
}
NTSTATUS surface_save_packet(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize,
                             PUINT32 BytesNeeded) {
  const VMBPACKETCOMPLETION incoming = Packet; /* one type: SavePacket is asked about packets of either direction */
  (void)SaveBuf;
  *BytesNeeded = VmbPacketGetChannel(incoming) == Channel;
  return SaveBufSize < *BytesNeeded ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}
NTSTATUS surface_restore_packet(VMBCHANNEL Channel, PVOID LibBuf, UINT32 LibBufSize, PVOID SaveBuf,
                                UINT32 SaveBufSize) {
  (void)SaveBuf, (void)SaveBufSize;
  return VmbPacketRestore(VmbPacketAllocate(Channel), LibBuf, LibBufSize);
}

LINKAGE NTSTATUS surface_configure(VMBCHANNEL Channel);
NTSTATUS surface_configure(VMBCHANNEL Channel) {
  const PFN_VMB_CHANNEL_OPENED opened = surface_opened;
  const PFN_VMB_CHANNEL_CLOSED closed = surface_closed;
  const PFN_VMB_CHANNEL_SUSPEND suspend = surface_suspend;
  const PFN_VMB_CHANNEL_STARTED started = surface_started;
  const PFN_VMB_CHANNEL_POST_STARTED post_started = surface_post_started;
  const PFN_VMB_CHANNEL_PROCESS_PACKET process_packet = surface_process_packet;
  const PFN_VMB_CHANNEL_PROCESSING_COMPLETE processing_complete = surface_processing_complete;
  const PFN_VMB_CHANNEL_SAVE_PACKET save_packet = surface_save_packet;
  const PFN_VMB_CHANNEL_RESTORE_PACKET restore_packet = surface_restore_packet;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS callbacks;
  PVMB_CHANNEL_STATE_CHANGE_CALLBACKS pointer = &callbacks;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(pointer);
  if (pointer->Version != 1 || pointer->Size != sizeof callbacks) return STATUS_UNSUCCESSFUL;
  pointer->EvtChannelOpened = opened;
  pointer->EvtChannelClosed = closed;
  pointer->EvtChannelSuspend = suspend;
  pointer->EvtChannelStarted = started;
  pointer->EvtChannelPostStarted = post_started;
  (void)VmbChannelInitSetProcessPacketCallbacks(Channel, process_packet, processing_complete);
  (void)VmbServerChannelInitSetSaveRestorePacketCallbacks(Channel, save_packet, restore_packet);
  return VmbChannelInitSetStateChangeCallbacks(Channel, pointer);
}

/* Bytes of an MDL chain, and the first of its pages. */
LINKAGE UINT64 surface_mdl(PMDL Mdl, PPFN_NUMBER FirstPage);
UINT64 surface_mdl(PMDL Mdl, PPFN_NUMBER FirstPage) {
  UINT64 bytes = 0;
  *FirstPage = *MmGetMdlPfnArray(Mdl) + MmGetMdlByteOffset(Mdl);
  for (; Mdl != NULL; Mdl = Mdl->Next) bytes += MmGetMdlByteCount(Mdl);
  return bytes;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */
#define DECLARED(Name, Return, Parameters)          \
  LINKAGE Return(*const surface_##Name) Parameters; \
  Return(*const surface_##Name) Parameters = Name

DECLARED(VmbChannelAllocate, NTSTATUS, (PDEVICE_OBJECT, BOOLEAN, VMBCHANNEL *));
DECLARED(VmbChannelCleanup, VOID, (VMBCHANNEL));
DECLARED(VmbChannelInitSetClientContextSize, NTSTATUS, (VMBCHANNEL, UINT32));
DECLARED(VmbChannelInitSetFlags, NTSTATUS, (VMBCHANNEL, UINT32));
DECLARED(VmbChannelInitSetMaximumExternalData, NTSTATUS, (VMBCHANNEL, UINT32, UINT32));
DECLARED(VmbChannelInitSetMaximumPacketSize, NTSTATUS, (VMBCHANNEL, UINT32));
DECLARED(VmbChannelInitSetProcessPacketCallbacks, NTSTATUS,
         (VMBCHANNEL, PFN_VMB_CHANNEL_PROCESS_PACKET, PFN_VMB_CHANNEL_PROCESSING_COMPLETE));
DECLARED(VmbChannelInitSetStateChangeCallbacks, NTSTATUS, (VMBCHANNEL, PVMB_CHANNEL_STATE_CHANGE_CALLBACKS));
DECLARED(VmbServerChannelInitSetFlags, NTSTATUS, (VMBCHANNEL, UINT32));
DECLARED(VmbServerChannelInitSetSaveRestorePacketCallbacks, NTSTATUS,
         (VMBCHANNEL, PFN_VMB_CHANNEL_SAVE_PACKET, PFN_VMB_CHANNEL_RESTORE_PACKET));
DECLARED(VmbServerChannelInitSetTargetInterfaceId, NTSTATUS, (VMBCHANNEL, GUID, GUID));
DECLARED(VmbChannelSetTransactionQuota, VOID, (VMBCHANNEL, UINT32));
DECLARED(VmbChannelSetPointer, VOID, (VMBCHANNEL, PVOID));
DECLARED(VmbChannelGetPointer, PVOID, (VMBCHANNEL));
DECLARED(VmbChannelEnable, NTSTATUS, (VMBCHANNEL));
DECLARED(VmbChannelStart, VOID, (VMBCHANNEL));
DECLARED(VmbChannelPause, VOID, (VMBCHANNEL));
DECLARED(VmbChannelDisable, VOID, (VMBCHANNEL));
DECLARED(VmbChannelPacketComplete, VOID, (VMBPACKETCOMPLETION, PVOID, UINT32));
DECLARED(VmbChannelPacketDeferToPassive, VOID, (VMBPACKETCOMPLETION));
DECLARED(VmbChannelPacketFail, VOID, (VMBPACKETCOMPLETION));
DECLARED(VmbChannelPacketGetExternalData, NTSTATUS, (VMBPACKETCOMPLETION, UINT32, PMDL *));
DECLARED(VmbChannelSizeofPacket, UINT32, (VMBCHANNEL));
DECLARED(VmbPacketAllocate, VMBPACKET, (VMBCHANNEL));
DECLARED(VmbPacketFree, VOID, (VMBPACKET));
DECLARED(VmbPacketGetChannel, VMBCHANNEL, (VMBPACKET));
DECLARED(VmbPacketGetPointer, PVOID, (VMBPACKET));
DECLARED(VmbPacketInitialize, NTSTATUS, (VMBCHANNEL, VMBPACKET, UINT32));
DECLARED(VmbPacketRestore, NTSTATUS, (VMBPACKET, PVOID, ULONG));
DECLARED(VmbPacketSend, NTSTATUS, (VMBPACKET, PVOID, UINT32, PMDL, UINT32));
DECLARED(VmbPacketSetCompletionRoutine, VOID, (VMBPACKET, PFN_VMB_PACKET_COMPLETION_ROUTINE));
DECLARED(VmbPacketSetPointer, VOID, (VMBPACKET, PVOID));
DECLARED(VmbChannelSaveBegin, NTSTATUS, (VMBCHANNEL));
DECLARED(VmbChannelSaveContinue, NTSTATUS, (VMBCHANNEL, PVOID, ULONG, PULONG, PULONG));
DECLARED(VmbChannelSaveEnd, VOID, (VMBCHANNEL));
DECLARED(VmbChannelRestoreFromBuffer, NTSTATUS, (VMBCHANNEL, PVOID, ULONG));

DECLARED(VmbsChannelInitSetConcurrentCallbacks, NTSTATUS, (VMBCHANNEL, BOOLEAN));
DECLARED(VmbsChannelInitSetMaximumSends, NTSTATUS, (VMBCHANNEL, UINT32));
DECLARED(VmbsChannelPrepareRestore, NTSTATUS, (VMBCHANNEL, UINT32));
DECLARED(VmbsPacketGetClientContext, PVOID, (VMBPACKET));
DECLARED(VmbsPacketGetTransactionId, UINT64, (VMBPACKET));
DECLARED(VmbsChannelOpen, NTSTATUS, (VMBCHANNEL, const VMBS_TRANSPORT *, PVOID));
DECLARED(VmbsChannelClose, NTSTATUS, (VMBCHANNEL));
DECLARED(VmbsChannelProcessIncoming, NTSTATUS, (VMBCHANNEL, UINT32, PUINT32));
DECLARED(VMBS_SAVE_OPTIONS_INIT, VOID, (VMBS_SAVE_OPTIONS *));
DECLARED(VmbsChannelSetSaveOptions, NTSTATUS, (VMBCHANNEL, const VMBS_SAVE_OPTIONS *));
DECLARED(VmbsChannelGetSaveStatistics, NTSTATUS, (VMBCHANNEL, VMBS_SAVE_STATISTICS *));
DECLARED(VmbsChannelGetStatistics, NTSTATUS, (VMBCHANNEL, VMBS_CHANNEL_STATISTICS *));
EXPECT(sizeof(VMBS_TRANSPORT) == 64 && sizeof(VMBS_INCOMING_PACKET) == 48);
EXPECT(sizeof(VMBS_SAVE_OPTIONS) == 48 && sizeof(VMBS_SAVE_STATISTICS) == 128 && sizeof(VMBS_CHANNEL_STATISTICS) == 80);
