/* What vsp.h declares, used with the types that its documentation gives it. Compiled as C and as C++, by several
 * compilers. */
#include "vmbsave/vsp.h"

#ifdef __cplusplus
#define EXPECT(Condition) static_assert(Condition, #Condition)
#else
#define EXPECT(Condition) _Static_assert(Condition, #Condition)
#endif

EXPECT(sizeof(VMBS_VSP_REQUEST) == 56 && offsetof(VMBS_VSP_REQUEST, transaction_id) == 40);
EXPECT(sizeof(VMBS_VSP_RANGE) == 12);
EXPECT(sizeof(VMBS_VSP_PACKET) == 64 + 12 + 12 * 32 + 4 + 8 * 65 && offsetof(VMBS_VSP_PACKET, ranges) == 76);
EXPECT(sizeof(VMBS_VSP_BACKEND) == 24 && sizeof(VMBS_VSP) == 24 + 14 * 8 && VMBS_VSP_VERSION == 2);
EXPECT(VMBS_VSP_MAX_INLINE == 64 && VMBS_VSP_MAX_RANGES == 32 && VMBS_VSP_MAX_PAGES == 65);
EXPECT(VMBS_VSP_READ == 0 && VMBS_VSP_WRITE == 1 && VMBS_VSP_DISCARD == 2 && VMBS_VSP_TRANSMIT == 3 &&
       VMBS_VSP_RECEIVE == 4);
EXPECT(VMBS_VSP_IN_FLIGHT == 0 && VMBS_VSP_SENT == 1 && VMBS_VSP_DROPPED == 2);
EXPECT(sizeof(VMBS_VSP_FACTORY) == sizeof("vmbs_vsp"));

const VMBS_VSP* vmbs_vsp(void) {
  static VMBS_VSP vsp;
  vsp.version = VMBS_VSP_VERSION;
  vsp.size = sizeof vsp;
  vsp.name = "surface";
  return &vsp;
}
