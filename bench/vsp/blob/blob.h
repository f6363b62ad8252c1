/*
 * blob.h: a VSP for the bench whose packets have states of a given size. See README.md.
 */
#ifndef VMBSAVE_BENCH_VSP_BLOB_H
#define VMBSAVE_BENCH_VSP_BLOB_H

#include "vmbsave/vsp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a packet's state begins in its client context. */
#define VMBS_BLOB_STATE_OFFSET 16

/* The VSP with the smallest client contexts that hold states of so many bytes: 32, 272, 624, 4,096, 4,224 or 16,384.
 * NULL: none does. Valid for the life of the process.
 * concurrent_callbacks: not 0: SavePacket may run for several packets of one channel at once. */
const VMBS_VSP* vmbs_vsp_blob(UINT32 max_state_bytes, int concurrent_callbacks);

#ifdef __cplusplus
}
#endif
#endif
