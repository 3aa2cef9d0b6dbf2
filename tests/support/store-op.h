/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One operation on a store, as the instruments of the tests (store-fault,
 * store-trace, store-sim) speak of it.
 */

#ifndef DISKSTACK_TEST_STORE_OP_H
#define DISKSTACK_TEST_STORE_OP_H

#include <stddef.h>
#include <stdint.h>

enum store_op_kind {
  STORE_OP_READ,
  STORE_OP_WRITE,
  STORE_OP_FLUSH,
  STORE_OP_TRIM,
  STORE_OP_ZERO,
  STORE_OP_EXTENTS,
  STORE_OP_CACHE,
  STORE_OP_RESIZE,
};

#define STORE_OP_KINDS 8
#define STORE_OP_BIT(kind) (1u << (kind))

/* Sets of kinds. */
#define STORE_OPS_ALL ((1u << STORE_OP_KINDS) - 1)
#define STORE_OPS_CHANGE                                          \
  (STORE_OP_BIT (STORE_OP_WRITE) | STORE_OP_BIT (STORE_OP_TRIM) | \
   STORE_OP_BIT (STORE_OP_ZERO) | STORE_OP_BIT (STORE_OP_RESIZE))

struct store_op {
  enum store_op_kind kind;
  uint64_t offset; /* 0 for flush and resize */
  uint64_t count;  /* resize: the new size */
  unsigned flags;  /* STORE_FUA... */
  int error;       /* once it is done: how it failed, or 0 */
};

static inline const char *
store_op_name (enum store_op_kind kind)
{
  static const char *const names[STORE_OP_KINDS] = {
    "read", "write", "flush", "trim", "zero", "extents", "cache", "resize",
  };

  return names[kind];
}

#endif /* DISKSTACK_TEST_STORE_OP_H */
