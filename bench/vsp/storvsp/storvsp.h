/*
 * storvsp.h: a storage VSP for the bench. See README.md.
 */
#ifndef VMBSAVE_BENCH_VSP_STORVSP_H
#define VMBSAVE_BENCH_VSP_STORVSP_H

#include "vmbsave/vsp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Never NULL; valid for the life of the process. */
const VMBS_VSP* vmbs_vsp_storvsp(void);

#ifdef __cplusplus
}
#endif
#endif
