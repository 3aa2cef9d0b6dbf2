/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A simulated medium, for cutting the power.  It is a store, and it also
 * remembers everything that was ever done to it, so that afterwards a
 * test can ask: what may be on the disk if the power had failed there?
 *
 * What is durable at a point in time: all that came before the last
 * flush, and since then what was written with STORE_FUA.  Everything
 * else since the last flush is pending: it is cut into pieces of
 * piece_size bytes (512 unless set), and any subset of the pieces may
 * have reached the disk, the others not.  Two pieces of the same place
 * keep their order.  A piece is never torn.  A change of size is one
 * piece; changes of size reach the disk in order, and pieces beyond the
 * size that did are lost.
 *
 * Use: run the work load, noting store_sim_position () and what was
 * promised by then; then for each position of interest,
 * store_sim_crash_images () calls a function for one image after the
 * other; the function opens it, lets it recover, and compares it with
 * the states that are legal.  Each image is a simulated medium itself,
 * so that recovery can be cut short too.
 */

#ifndef DISKSTACK_TEST_STORE_SIM_H
#define DISKSTACK_TEST_STORE_SIM_H

#include "store/store.h"

struct store_sim_options {
  uint64_t size;
  uint32_t piece_size;    /* 0 is 512; a power of two */
  struct store_info info; /* as store_init takes it */
  uint8_t trim_fill;      /* what trimmed bytes become */
};

/* All zeroes, durable.  With every capability. */
extern struct store *store_sim_create (uint64_t size);
extern struct store *store_sim_create_with (const struct store_sim_options *o);

/* The number of steps that were done so far: each write, zero, trim,
 * resize and flush is one.
 */
extern uint64_t store_sim_position (struct store *s);

/* Forget the past: what is on the medium now is durable, and the
 * position is 0 again.
 */
extern void store_sim_settle (struct store *s);

/* How many pieces are pending at a position. */
extern uint64_t store_sim_pending (struct store *s, uint64_t position,
                                   bool in_flight);

struct store_sim_piece {
  uint64_t step;   /* that made it */
  uint64_t index;  /* among those pending, from 0 */
  uint64_t offset; /* on the disk; 0 for a change of size */
};

/* Decides about a piece: true if it reached the disk. */
typedef bool (*store_sim_pick) (void *opaque, const struct store_sim_piece *p);

/* The disk after the power failed when POSITION steps had been done, as
 * a new medium.
 */
extern struct store *store_sim_crash (struct store *s, uint64_t position,
                                      bool in_flight, store_sim_pick pick,
                                      void *opaque);

/* Which subsets to try at a position.  With more than max_each pieces
 * pending, each kind is sampled at that many, chosen by the seed.
 */
enum {
  STORE_SIM_PREFIXES = 1,  /* the first K pieces, for every K */
  STORE_SIM_MISSING = 2,   /* all but one */
  STORE_SIM_ALONE = 4,     /* one only */
  STORE_SIM_RANDOM = 8,    /* max_each random subsets */
  STORE_SIM_SUFFIXES = 16, /* the last K pieces, for every K */
  STORE_SIM_EVERYTHING = 31,
  /* The last step had not returned yet: its FUA promises nothing, or it
   * is a flush that did nothing.
   */
  STORE_SIM_IN_FLIGHT = 32,
};

struct store_sim_plan {
  unsigned which;
  unsigned max_each; /* 0 is 64 */
  uint64_t seed;
};

/* Called with each image; WHAT describes it, for the message of a
 * failure.  The image is closed afterwards by the caller.  Returns true
 * to go on.
 */
typedef bool (*store_sim_check) (void *opaque, struct store *image,
                                 const char *what);

/* Try the subsets of PLAN at POSITION.  Nothing and everything are
 * always among them.  Returns how many images there were.
 */
extern unsigned store_sim_crash_images (struct store *s, uint64_t position,
                                        const struct store_sim_plan *plan,
                                        store_sim_check check, void *opaque);

#endif /* DISKSTACK_TEST_STORE_SIM_H */
