/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Recording what is read first of a disk into a file (base/read-trace.h),
 * for layered-prefetch.h to have it there before it is asked for the next
 * time.
 */

#ifndef DISKSTACK_LAYERED_RECORD_H
#define DISKSTACK_LAYERED_RECORD_H

#include <stdatomic.h>

#include "layered/layered.h"

/* Record what clients read from now on, each sector once.  It gets the
 * name PATH when it is complete; until then it is in a file beside it,
 * and what had the name before keeps it.  When the trace has as many
 * ranges as one may have, recording ends.  At any time; not twice.
 * Returns 0, or -1 after log_error with *err.
 */
extern int layered_record_start (struct layered *ld, const char *path,
                                 int *err);

/* Put the trace in its place and end recording.  Only while no request
 * runs.  Does nothing if it was not started.  Returns 0, or -1 after
 * log_error with *err: then PATH is as it was.
 */
extern int layered_record_stop (struct layered *ld, int *err);

/* For layered_read: note that a client reads the range. */
extern void layered_record_note (struct layered_recorder *r, uint64_t sector,
                                 uint32_t nsectors);

static inline void
layered_record_read (struct layered *ld, uint64_t sector, uint32_t nsectors)
{
  struct layered_recorder *r =
    atomic_load_explicit (&ld->recorder, memory_order_acquire);

  if (r != NULL)
    layered_record_note (r, sector, nsectors);
}

#endif /* DISKSTACK_LAYERED_RECORD_H */
