/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One request that misses sectors of a read cache, and its plan: which
 * flights bring what.
 */

#ifndef DISKSTACK_LAYERED_PLAN_H
#define DISKSTACK_LAYERED_PLAN_H

#include "layered/layered-fetch.h"

/* Pieces that need no allocation. */
#define PLAN_FEW 8

/* A part of what is missing, and the flight that brings it. */
struct piece {
  struct flight *fl;
  uint64_t start, end;
  bool mine; /* made by this request */
};

struct miss {
  struct layered *ld;
  struct store *bottom;
  unsigned level;
  char *buf; /* or NULL */
  struct marker *m;
  cache_moment moment;
  /* Fetch what is needed and nothing else: a failure of something else
   * must not be this reader's.
   */
  bool exact;
  bool fresh; /* some of it was not on its way */
  bool poor;  /* there was no memory to plan with */
  struct piece *piece;
  unsigned npieces, room;
  struct piece few[PLAN_FEW];
};

/* Where SECTOR is in the reader's memory. */
static inline char *
miss_at (const struct miss *ms, uint64_t sector)
{
  return ms->buf + ((sector - ms->m->sector) << ms->ld->sector_shift);
}

/* Is all of FL needed, and wanted by somebody?  Then its failure is one
 * of this request.
 */
extern bool plan_is_needed (const struct miss *ms, const struct flight *fl);

/* Plan anew: pieces for all that is missing, each with a reference to its
 * flight; less than all with POOR set, or where the layer has got sectors
 * since it was looked at.  The threads may begin at once.
 */
extern void plan_make (struct miss *ms, bool first_round);

#endif /* DISKSTACK_LAYERED_PLAN_H */
