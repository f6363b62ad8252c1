/* A program in C around the VSP of vsp_from_docs.c, with a guest of its own: requests in a row, and what came back. Two
 * are in flight when the channel is saved; they are answered by another one, which is restored from the image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmbsave/kmcl_ext.h"

typedef struct vsp vsp;
NTSTATUS vsp_create(PDEVICE_OBJECT Parent, vsp** Vsp);
VOID vsp_start(vsp* Vsp);
VOID vsp_destroy(vsp* Vsp);
UINT32 vsp_complete_all(vsp* Vsp);
NTSTATUS vsp_save(vsp* Vsp, BOOLEAN HandOver, UINT8** Image, size_t* ImageSize);
NTSTATUS vsp_restore(vsp* Vsp, UINT8* Image, size_t ImageSize);
VMBCHANNEL vsp_channel(const vsp* Vsp);

enum { kind_ask = 1, kind_work = 2 }; /* answered at once, or when the VSP's work is done; with Value + 1 */
typedef struct message {
  UINT32 Kind;
  UINT32 Value;
  UINT32 Answer;
  UINT32 Reserved;
} message;

typedef struct guest {
  message Requests[3];
  UINT32 Taken;
  UINT32 Answers;
  UINT32 Sum; /* of the answers' values */
} guest;

static NTSTATUS peek(PVOID Context, VMBS_INCOMING_PACKET* Packet) {
  guest* const self = (guest*)Context;
  if (self->Taken == sizeof self->Requests / sizeof *self->Requests) return STATUS_NO_MORE_ENTRIES;
  memset(Packet, 0, sizeof *Packet);
  Packet->Type = VMBS_INCOMING_DATA;
  Packet->CompletionRequested = TRUE;
  Packet->TransactionId = self->Taken + 1;
  Packet->Buffer = &self->Requests[self->Taken];
  Packet->BufferLength = sizeof *self->Requests;
  return STATUS_SUCCESS;
}

static VOID consume(PVOID Context) { ++((guest*)Context)->Taken; }

static BOOLEAN reserve(PVOID Context, UINT32 Length) {
  (void)Context;
  (void)Length;
  return TRUE;
}

static VOID release(PVOID Context, UINT32 Length) {
  (void)Context;
  (void)Length;
}

static VOID take_completion(PVOID Context, UINT32 ReservedLength, UINT64 TransactionId, const VOID* Buffer,
                            UINT32 BufferLength) {
  guest* const self = (guest*)Context;
  message answer;
  (void)ReservedLength;
  (void)TransactionId;
  if (BufferLength != sizeof answer) return;
  memcpy(&answer, Buffer, sizeof answer);
  ++self->Answers;
  self->Sum += answer.Value;
}

static BOOLEAN take_packet(PVOID Context, UINT64 TransactionId, BOOLEAN CompletionRequested, const VOID* Buffer,
                           UINT32 BufferLength) {
  (void)Context;
  (void)TransactionId;
  (void)CompletionRequested;
  (void)Buffer;
  (void)BufferLength;
  return FALSE;
}

static VOID wake(PVOID Context) { (void)Context; }

static void expect(int Holds, const char* What) {
  if (Holds) return;
  printf("does not hold: %s\n", What);
  exit(1);
}
#define EXPECT(Condition) expect(Condition, #Condition)

int main(void) {
  const VMBS_TRANSPORT transport = {sizeof(VMBS_TRANSPORT), peek,        consume, reserve, release,
                                    take_completion,        take_packet, wake};
  guest g = {{{kind_ask, 41, 0, 0}, {kind_work, 100, 0, 0}, {kind_work, 300, 0, 0}}, 0, 0, 0};
  UINT32 processed = 0;
  UINT8* image = NULL;
  size_t size = 0;
  vsp* source = NULL;
  vsp* destination = NULL;

  EXPECT(vsp_create(NULL, &source) == STATUS_SUCCESS);
  vsp_start(source);
  EXPECT(VmbsChannelOpen(vsp_channel(source), &transport, &g) == STATUS_SUCCESS);
  EXPECT(VmbsChannelProcessIncoming(vsp_channel(source), 0, &processed) == STATUS_SUCCESS);
  EXPECT(processed == 3 && g.Answers == 1 && g.Sum == 42);
  EXPECT(vsp_save(source, TRUE, &image, &size) == STATUS_SUCCESS);
  vsp_destroy(source);

  EXPECT(vsp_create(NULL, &destination) == STATUS_SUCCESS);
  EXPECT(vsp_restore(destination, image, size) == STATUS_SUCCESS);
  free(image);
  vsp_start(destination);
  EXPECT(VmbsChannelOpen(vsp_channel(destination), &transport, &g) == STATUS_SUCCESS);
  EXPECT(vsp_complete_all(destination) == 2);
  EXPECT(g.Answers == 3 && g.Sum == 42 + 101 + 301);
  EXPECT(VmbsChannelClose(vsp_channel(destination)) == STATUS_SUCCESS);
  vsp_destroy(destination);
  puts("2 requests in flight were saved, restored and answered");
  return 0;
}
