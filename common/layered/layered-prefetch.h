/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fetching what a trace (layered-record.h) says will be read, in its
 * order, ahead of those who will read it.
 */

#ifndef DISKSTACK_LAYERED_PREFETCH_H
#define DISKSTACK_LAYERED_PREFETCH_H

#include "layered/layered.h"

/* Bring the ranges of the trace in PATH into the topmost read cache, as
 * layered_cache does, in a thread and by the stack's own bottom.  It
 * defers to nobody; hydration waits for it.  Of a cache with a bound no
 * more is fetched than seven eighths of that.  A range that fails is
 * left out; after 16 in a row it gives up.
 *
 * ld->prefetch tells how far it is, in bytes of the trace.
 *
 * After layered_start, and before layered_stop, which must be preceded by
 * the stop.  Returns 0, or -1 after log_error with *err: EINVAL (no bottom
 * of its own, it is running, or the file is not a trace of a disk of this
 * size), or why the file cannot be read.
 */
extern int layered_prefetch_start (struct layered *ld, const char *path,
                                   int *err);

/* Returns when the request that is running, if there is one, is over.
 * Does nothing if it was not started.
 */
extern void layered_prefetch_stop (struct layered *ld);

#endif /* DISKSTACK_LAYERED_PREFETCH_H */
