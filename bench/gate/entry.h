/*
 * entry.h: what the gate asks of each side of a comparison: a shared object with one exported function,
 * vmbs_gate_entry. C11. Both sides are loaded into one process, so all else must be hidden, and bound within the
 * object: a version script that exports this one function does both.
 *
 * All functions are called by one thread. Those that can fail give 0 for success, and otherwise write one line, without
 * the newline, that says what is wrong.
 */
#ifndef VMBSAVE_BENCH_GATE_ENTRY_H
#define VMBSAVE_BENCH_GATE_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct VMBS_GATE_ERROR {
  char text[256]; /* ends with a 0 */
} VMBS_GATE_ERROR;

/* What can be measured. */
typedef struct VMBS_GATE_CASE_NAME {
  const char* name;
  uint32_t threads; /* that the operation uses; with 1, its instructions are counted too, and it is bound to a CPU */
  uint32_t reserved;
} VMBS_GATE_CASE_NAME;

/* A number that is the same in every run, such as the bytes of an image; more of it is worse. */
typedef struct VMBS_GATE_COUNTER {
  const char* name;
  uint64_t value;
} VMBS_GATE_COUNTER;

typedef struct VMBS_GATE_CASE VMBS_GATE_CASE; /* ready to be measured; the side's own */

#define VMBS_GATE_VERSION 1
typedef struct VMBS_GATE_ENTRY {
  uint32_t version; /* VMBS_GATE_VERSION */
  uint32_t size;    /* sizeof(VMBS_GATE_ENTRY) */
  const char* project;

  /* The cases of a suite; NULL and a count of 0: there is no such suite. */
  const VMBS_GATE_CASE_NAME* (*cases)(const char* suite, uint32_t* count);

  /* Makes a case ready, warm: what only a first operation does is done. NULL: failed. */
  VMBS_GATE_CASE* (*prepare)(const char* name, VMBS_GATE_ERROR* error);

  /* Does the operation so many times; *ns becomes the nanoseconds that it took, without what made each one possible.
   * Everything that counts happens within calls of a function whose symbol is vmbs_gate_operation, exported or not:
   * instructions are counted there. */
  int (*run)(VMBS_GATE_CASE* gate_case, uint64_t operations, uint64_t* ns, VMBS_GATE_ERROR* error);

  /* Compares what the last operation made with an independent statement of what it must be; *digest becomes a hash of
   * its content, by which the two sides are compared. What only this version of the side writes, such as its name, is
   * not in it. */
  int (*check)(VMBS_GATE_CASE* gate_case, uint64_t* digest, VMBS_GATE_ERROR* error);

  /* Of the last operation; gives how many there are, and writes at most `room` of them. */
  uint32_t (*counters)(VMBS_GATE_CASE* gate_case, VMBS_GATE_COUNTER* counters, uint32_t room);

  void (*release)(VMBS_GATE_CASE* gate_case);
} VMBS_GATE_ENTRY;

/* Valid while the object is loaded. */
__attribute__((visibility("default"))) const VMBS_GATE_ENTRY* vmbs_gate_entry(void);

#ifdef __cplusplus
}
#endif
#endif
