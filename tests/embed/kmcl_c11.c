/* kmcl.h and kmcl_ext.h as a driver author's C file includes them. Compiled, not run. */
#include "vmbsave/kmcl.h"
#include "vmbsave/kmcl_ext.h"

_Static_assert(sizeof(NTSTATUS) == 4 && sizeof(ULONG) == 4 && sizeof(UINT32) == 4, "32-bit sizes on every target");
_Static_assert(sizeof(MDL) == 48, "the documented layout, 64-bit");

EVT_VMB_CHANNEL_SAVE_PACKET my_save_packet;

NTSTATUS my_save_packet(VMBCHANNEL Channel, VMBPACKET Packet, PVOID SaveBuf, UINT32 SaveBufSize, PUINT32 BytesNeeded) {
  VMBPACKETCOMPLETION completion = Packet;
  if (VmbPacketGetChannel(completion) != Channel || SaveBuf == NULL) return STATUS_INVALID_PARAMETER;
  *BytesNeeded = 1;
  return SaveBufSize < 1 ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}
