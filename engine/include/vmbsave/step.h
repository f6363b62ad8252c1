/**
 * @file step.h
 * A save, one call of SavePacket at a time: for the tests of a VSP. C11 and C++20; target vmbsave::verify.
 *
 * The save is a real one, of the VM that a channel belongs to, on a thread of its own that stands still before each
 * call. Between two steps the test may do what happens in life while a save runs: complete packets, change states, let
 * its other threads go on.
 *
 *     VMBS_STEPPER stepper;
 *     VMBS_STEP step;
 *     VmbsStepBegin(channel, VMBS_PLAN_EXACT, &stepper);          // the cut: each packet in use belongs to the save
 *     VmbsStepTo(stepper, packet, VMBS_STEP_SAVING, &step);       // up to that packet's second call
 *     VmbChannelPacketComplete(packet, &answer, sizeof answer);   // as another thread might at this very moment
 *     VmbsStepNext(stepper, &step);                               // makes the call: step.Status, step.SaveBuf
 *     VmbsStepFail(stepper, STATUS_IO_TIMEOUT);                   // the save fails here
 *     VmbsStepEnd(stepper);                                       // rolled back: each packet is in use, or delivered
 *
 * A save that is stepped to its end is complete: VmbChannelSaveContinue hands its image out, as ever, before
 * VmbsStepEnd. A stepper is used by one thread at a time. VmbChannelSaveContinue, VmbChannelDisable and
 * VmbsChannelClose wait for the calls that a save is at: they may be called before the first step, when a save that
 * SaveContinue has made has no steps, and behind the last one. No channel of the VM is cleaned up before VmbsStepEnd.
 * Cost: two changes of threads a step; none for saves that are not stepped.
 */
#ifndef VMBSAVE_STEP_H
#define VMBSAVE_STEP_H

#include "vmbsave/kmcl_ext.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMBS_STEP_SIZING 1 /**< SavePacket's first call: SaveBufSize is 0 */
#define VMBS_STEP_SAVING 2 /**< its second call */

/** A save in steps. */
typedef struct VMBS_STEPPER__* VMBS_STEPPER;

/** A call of SavePacket. */
typedef struct VMBS_STEP {
  UINT32 Call;          /**< VMBS_STEP_... */
  UINT32 SaveBufSize;   /**< as SavePacket gets it */
  VMBCHANNEL Channel;   /**< whose packet */
  VMBPACKET Packet;     /**< the packet */
  UINT64 TransactionId; /**< of the packet, as its sender chose it */
  NTSTATUS Status;      /**< what the call returned; STATUS_PENDING: it is still to be made */
  UINT32 BytesNeeded;   /**< what it left there; 0 before it */
  const UINT8* SaveBuf; /**< a copy of what it wrote, SaveBufSize bytes, valid until the next step; NULL: it had no
                           buffer, or is to come */
} VMBS_STEP;

/**
 * Begins a save of all channels of a VM: the cut. SavePackets run one after another on one thread, whatever the save
 * options say; there is no deadline. Memory budget, growth retries and checksums are those of the options.
 *
 * @param Channel  an enabled channel of the VM
 * @param Plan     VMBS_PLAN_EXACT: every first call, then every second one; VMBS_PLAN_FUSED, _AUTO: block by block
 * @param Stepper  the save, until VmbsStepEnd; NULL after a failure
 * @retval STATUS_SUCCESS                 begun
 * @retval STATUS_INVALID_PARAMETER_1     no channel
 * @retval STATUS_INVALID_PARAMETER_2     no such plan
 * @retval STATUS_INVALID_PARAMETER_3     NULL
 * @retval STATUS_INVALID_DEVICE_STATE    not enabled, saved or restored already, or called from inside a callback
 * @retval STATUS_DEVICE_BUSY             a channel of the VM is inside a call that restores, opens or closes it
 * @retval STATUS_INSUFFICIENT_RESOURCES  no memory
 * @return else what VmbChannelSaveBegin failed with; nothing is begun
 */
NTSTATUS VmbsStepBegin(VMBCHANNEL Channel, UINT32 Plan, VMBS_STEPPER* Stepper);

/**
 * The call that comes next, without making it.
 *
 * @param Stepper  a save
 * @param Step     the call
 * @retval STATUS_SUCCESS              there is one
 * @retval STATUS_NO_MORE_ENTRIES      all calls were made: the image is complete
 * @retval STATUS_INVALID_PARAMETER_1  NULL
 * @retval STATUS_INVALID_PARAMETER_2  NULL
 * @return else what the save failed with
 */
NTSTATUS VmbsStepPeek(VMBS_STEPPER Stepper, VMBS_STEP* Step);

/**
 * Makes the next call.
 *
 * @param Stepper  a save
 * @param Step     the call, and what came of it
 * @return as VmbsStepPeek
 */
NTSTATUS VmbsStepNext(VMBS_STEPPER Stepper, VMBS_STEP* Step);

/**
 * Makes calls until a packet's call comes next.
 *
 * @param Stepper  a save
 * @param Packet   the packet
 * @param Call     VMBS_STEP_SIZING or VMBS_STEP_SAVING
 * @param Step     that call, which is still to be made
 * @retval STATUS_INVALID_PARAMETER_3  no such call
 * @return else as VmbsStepPeek; STATUS_NO_MORE_ENTRIES: all calls were made, and that was not among them
 */
NTSTATUS VmbsStepTo(VMBS_STEPPER Stepper, VMBPACKET Packet, UINT32 Call, VMBS_STEP* Step);

/**
 * The save fails before its next call: with STATUS_IO_TIMEOUT as if its deadline had passed there, or with what another
 * packet's SavePacket might have failed with. No further call is made.
 *
 * @param Stepper  a save
 * @param Status   an error: neither NT_SUCCESS nor STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_OVERFLOW or
 * STATUS_NO_MORE_ENTRIES
 * @retval STATUS_SUCCESS              it has failed
 * @retval STATUS_NO_MORE_ENTRIES      all calls were made
 * @retval STATUS_INVALID_PARAMETER_1  NULL
 * @retval STATUS_INVALID_PARAMETER_2  no error
 * @return else what the save had failed with before
 */
NTSTATUS VmbsStepFail(VMBS_STEPPER Stepper, NTSTATUS Status);

/**
 * Ends the save: what was completed meanwhile is delivered, packets go on; a channel that was disabled after its image
 * was handed out is discarded. A save that is not complete is given up first.
 *
 * @param Stepper  a save; not valid afterwards. NULL: no effect
 * @retval STATUS_SUCCESS    all calls were made
 * @retval STATUS_CANCELLED  they were not: the save was given up
 * @return else what the save had failed with
 */
NTSTATUS VmbsStepEnd(VMBS_STEPPER Stepper);

#ifdef __cplusplus
}
#endif

#endif
