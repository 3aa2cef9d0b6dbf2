/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The three states of a layer's sectors as two sets: what is present,
 * and what of it is zero.  A sector that is not present is never marked
 * zero, except for the moment in which both bits change; changes are
 * ordered so that a reader who takes no lock sees the old or the new
 * state:
 *
 *   to data    content first, then zero cleared, then present set
 *   to zero    zero set, then present set
 *   to absent  present cleared, then zero cleared
 *
 * A reader looks at present first, then at zero.  Between the two a
 * sector may go from zero to absent, which looks like data; therefore
 * the memory or file behind a sector that is not data must hold zeroes,
 * or the layer must notice the change.
 */

#ifndef DISKSTACK_LAYER_BITS_H
#define DISKSTACK_LAYER_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "layer/layer.h"
#include "presence/presence.h"

struct layer_bits {
  struct presence *present;
  struct presence *zero;
};

/* All absent.  Returns 0, or -1 with errno = ENOMEM. */
extern int layer_bits_init (struct layer_bits *b, uint64_t nsectors);
extern void layer_bits_fini (struct layer_bits *b);

/* As layer_ops.state. */
extern enum layer_state layer_bits_state (const struct layer_bits *b,
                                          uint64_t sector, uint64_t limit,
                                          uint64_t *end);

/* Are all of [SECTOR, SECTOR+NSECTORS) data? */
extern bool layer_bits_all_data (const struct layer_bits *b, uint64_t sector,
                                 uint64_t nsectors);

/* While a thread has a hold, what it reserved stays reserved.  To be
 * released by the thread that took it; one within another is right.  See
 * presence_hold.
 */
struct layer_bits_hold {
  struct presence_hold present;
  struct presence_hold zero;
};

extern void layer_bits_hold (struct layer_bits *b, struct layer_bits_hold *h);
extern void layer_bits_release (struct layer_bits *b,
                                struct layer_bits_hold *h);

/* See to it that the range, the whole of it, can be made TO without
 * failing.  That holds until the state of one of its sectors is changed,
 * or the hold ends that this thread must have.  Returns 0, or -1 with
 * *err = ENOMEM.
 */
extern int layer_bits_reserve (struct layer_bits *b, enum layer_state to,
                               uint64_t sector, uint64_t nsectors, int *err);

/* Change the state of the range.  Return 0, or -1 with *err = ENOMEM and
 * nothing changed; always 0 after layer_bits_reserve, in the same hold.
 */
extern int layer_bits_set_data (struct layer_bits *b, uint64_t sector,
                                uint64_t nsectors, int *err);
extern int layer_bits_set_zero (struct layer_bits *b, uint64_t sector,
                                uint64_t nsectors, int *err);
extern int layer_bits_set_absent (struct layer_bits *b, uint64_t sector,
                                  uint64_t nsectors, int *err);

/* Make sectors data or zero, as bits of NWORDS words say, the first bit
 * being SECTOR, a multiple of 64.  Zero must be within present, and all
 * of the sectors absent before.  Returns 0, or -1 with *err = ENOMEM:
 * then some of them are as they should be, and others absent.
 */
extern int layer_bits_set_words (struct layer_bits *b, uint64_t sector,
                                 const uint64_t *present, const uint64_t *zero,
                                 size_t nwords, int *err);

/* Bytes of memory in use. */
extern size_t layer_bits_memory (const struct layer_bits *b);

#endif /* DISKSTACK_LAYER_BITS_H */
