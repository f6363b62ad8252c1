/* What step.h declares, used with the types that its documentation gives it. Compiled as C and as C++, by several
 * compilers. */
#include "vmbsave/step.h"

#ifdef __cplusplus
#define EXPECT(Condition) static_assert(Condition, #Condition)
#else
#define EXPECT(Condition) _Static_assert(Condition, #Condition)
#endif

EXPECT(VMBS_STEP_SIZING == 1 && VMBS_STEP_SAVING == 2);
EXPECT(sizeof(VMBS_STEP) == 48 && offsetof(VMBS_STEP, SaveBuf) == 40);

NTSTATUS step_through(VMBCHANNEL channel, VMBPACKET packet);

NTSTATUS step_through(VMBCHANNEL channel, VMBPACKET packet) {
  VMBS_STEPPER stepper;
  VMBS_STEP step;
  NTSTATUS status = VmbsStepBegin(channel, VMBS_PLAN_EXACT, &stepper);
  if (!NT_SUCCESS(status)) return status;
  status = VmbsStepPeek(stepper, &step);
  if (status == STATUS_SUCCESS) status = VmbsStepTo(stepper, packet, VMBS_STEP_SAVING, &step);
  if (status == STATUS_SUCCESS) status = VmbsStepNext(stepper, &step);
  if (step.SaveBuf != NULL && step.SaveBufSize != 0 && step.SaveBuf[0] != 0) VmbsStepFail(stepper, STATUS_IO_TIMEOUT);
  return VmbsStepEnd(stepper);
}
