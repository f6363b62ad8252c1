/*
 * gate_side.c: a side of the gate as another project would write it, in C, against entry.h alone: a table of numbers is
 * copied. Definitions make it one with something wrong.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gate/entry.h"

#ifndef SIDE_VERSION
#define SIDE_VERSION VMBS_GATE_VERSION
#endif
#ifndef SIDE_COPIES
#define SIDE_COPIES 20 /* what an operation does */
#endif
#ifndef SIDE_IMAGE_BYTES
#define SIDE_IMAGE_BYTES 4096
#endif
#ifndef SIDE_DIGEST
#define SIDE_DIGEST 42
#endif
#ifndef SIDE_SECOND_CASE
#define SIDE_SECOND_CASE "table/verify"
#endif

struct VMBS_GATE_CASE {
  uint64_t from[512];
  uint64_t to[512];
};

/* Written by hand, so that no library's choice of a memcpy is in the count. */
__attribute__((noinline)) static void copy_table(VMBS_GATE_CASE* self) {
  for (size_t i = 0; i < 512; ++i) {
    self->to[i] = self->from[i];
    __asm__ volatile("" ::: "memory");
  }
}

__attribute__((noinline)) static uint64_t vmbs_gate_operation(VMBS_GATE_CASE* self) {
  struct timespec start;
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < SIDE_COPIES; ++i) copy_table(self);
#ifdef SIDE_ALLOCATES
  void* volatile memory = malloc(100); /* volatile: the calls are not left out */
  free(memory);
#endif
  clock_gettime(CLOCK_MONOTONIC, &end);
  return (uint64_t)((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec) + 1;
}

#ifdef SIDE_CRASHES_AT_LOAD
__attribute__((constructor)) static void crash(void) { abort(); }
#endif

static const VMBS_GATE_CASE_NAME* cases(const char* suite, uint32_t* count) {
  static const VMBS_GATE_CASE_NAME names[] = {{"table/copy", 1, 0}, {SIDE_SECOND_CASE, 1, 0}};
  *count = strcmp(suite, "ci") == 0 ? 2 : 0;
  return *count == 0 ? NULL : names;
}

static VMBS_GATE_CASE* prepare(const char* name, VMBS_GATE_ERROR* error) {
#ifdef SIDE_CANNOT_PREPARE
  snprintf(error->text, sizeof error->text, "%s cannot be prepared", name);
  return NULL;
#else
  (void)name;
  (void)error;
  VMBS_GATE_CASE* const self = calloc(1, sizeof *self);
  for (uint64_t i = 0; self != NULL && i < 512; ++i) self->from[i] = i;
  return self;
#endif
}

static int run(VMBS_GATE_CASE* self, uint64_t operations, uint64_t* ns, VMBS_GATE_ERROR* error) {
  (void)error;
#ifdef SIDE_CRASHES
  abort();
#endif
  *ns = 0;
  for (uint64_t i = 0; i < operations; ++i) *ns += vmbs_gate_operation(self);
  return 0;
}

static int check(VMBS_GATE_CASE* self, uint64_t* digest, VMBS_GATE_ERROR* error) {
  if (memcmp(self->from, self->to, sizeof self->to) != 0) {
    snprintf(error->text, sizeof error->text, "the copy is another table");
    return 1;
  }
  *digest = SIDE_DIGEST;
  return 0;
}

static uint32_t counters(VMBS_GATE_CASE* self, VMBS_GATE_COUNTER* to, uint32_t room) {
  (void)self;
  if (room != 0) *to = (VMBS_GATE_COUNTER){"image_bytes", SIDE_IMAGE_BYTES};
  return 1;
}

static void release(VMBS_GATE_CASE* self) { free(self); }

const VMBS_GATE_ENTRY* vmbs_gate_entry(void) {
  static const VMBS_GATE_ENTRY entry = {
      SIDE_VERSION, sizeof(VMBS_GATE_ENTRY), "a table", cases, prepare, run, check, counters, release};
  return &entry;
}
