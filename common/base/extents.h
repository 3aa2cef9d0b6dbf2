/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The answer to "what is allocated here": a list of adjacent extents
 * that starts at a given byte and never reaches beyond a given end,
 * whatever is put into it.  (Answers that did crash nbdkit 1.32,
 * CVE-2025-47711.)
 */

#ifndef DISKSTACK_EXTENTS_H
#define DISKSTACK_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types, as bits, with the values of NBD's base:allocation.  0 is
 * allocated data.  HOLE alone is unallocated with unspecified content.
 */
#define EXTENT_HOLE 1u
#define EXTENT_ZERO 2u

struct extent {
  uint64_t offset; /* bytes */
  uint64_t count;  /* bytes, never 0 */
  uint32_t type;
};

/* At most this many extents are kept; an answer may always be short. */
#define EXTENTS_MAX (64 * 1024)

struct extent_list {
  uint64_t start, end; /* the question, half-open */
  bool one;            /* stop after the first extent (REQ_ONE) */
  struct extent *v;
  size_t len, cap;
};

/* An empty list that asks about [START, END).  With ONE, it is full as
 * soon as something of another type follows the first extent.
 */
extern void extent_list_init (struct extent_list *l, uint64_t start,
                              uint64_t end, bool one);
extern void extent_list_fini (struct extent_list *l);

/* Where the next extent must start: START plus all that is answered. */
extern uint64_t extent_list_next (const struct extent_list *l);

/* True when nothing more is wanted. */
extern bool extent_list_full (const struct extent_list *l);

/* Append COUNT bytes of TYPE at extent_list_next; the part beyond END
 * is cut off, an extent like the last one is merged with it, and
 * nothing happens when the list is full.  Returns 0, or -1 with *err =
 * ENOMEM.
 */
extern int extent_list_add (struct extent_list *l, uint64_t count,
                            uint32_t type, int *err);

#endif /* DISKSTACK_EXTENTS_H */
