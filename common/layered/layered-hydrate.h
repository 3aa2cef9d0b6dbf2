/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hydration: bring all that is only in the disk below into a read cache,
 * in the background, until that disk is not needed any more.
 *
 * What is present is the progress: hydration that was stopped goes on
 * where it was when it is started again, if the cache lived on.
 */

#ifndef DISKSTACK_LAYERED_HYDRATE_H
#define DISKSTACK_LAYERED_HYDRATE_H

#include "layered/layered.h"

/* Fill the topmost read cache that can hold all of the disk below, by the
 * stack's own bottom, at most BYTES_PER_SECOND (0: any number).  While
 * clients are at work it goes on with an eighth of what it could do, and
 * not at all while a prefetch runs.  Ranges that cannot be read are tried
 * again, with growing pauses.  It ends unfinished when the cache evicts
 * what it got.
 *
 * ld->hydration tells how far it is, from now on: finished, once the
 * cache has everything and was flushed; what clients trim or a bound
 * evicts afterwards is absent again.
 *
 * After layered_start, and before layered_stop, which must be preceded by
 * the stop.  Returns 0, or -1 with *err: EINVAL (no bottom of its own, or
 * it is running), EOPNOTSUPP (no read cache that can be written), ENOSPC
 * (all that there are have a bound smaller than the disk), ENOMEM,
 * EAGAIN (no thread).
 */
extern int layered_hydrate_start (struct layered *ld, uint64_t bytes_per_second,
                                  int *err);

/* Returns when the request that is running, if there is one, is over.
 * Does nothing if it was not started.
 */
extern void layered_hydrate_stop (struct layered *ld);

#endif /* DISKSTACK_LAYERED_HYDRATE_H */
