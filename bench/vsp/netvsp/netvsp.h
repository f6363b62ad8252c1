/*
 * netvsp.h: a network VSP for the bench. See README.md.
 */
#ifndef VMBSAVE_BENCH_VSP_NETVSP_H
#define VMBSAVE_BENCH_VSP_NETVSP_H

#include "vmbsave/vsp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Never NULL; valid for the life of the process. */
const VMBS_VSP* vmbs_vsp_netvsp(void);

#ifdef __cplusplus
}
#endif
#endif
