/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store that takes any offset and count, over one that takes only
 * multiples of its info.align: reads what surrounds an unaligned edge,
 * changes it in memory and writes it back, under a lock on the range.
 */

#ifndef DISKSTACK_STORE_ALIGN_H
#define DISKSTACK_STORE_ALIGN_H

#include "store/range-lock.h"
#include "store/store.h"

/* A store over INNER whose info.align is 1.  LOCKS protects the
 * sectors of the disk, not of the store: every aligning store over the
 * same disk must be given the same one, and it must live longer.  With
 * LOCKS = NULL the store makes its own.  Takes ownership of INNER on
 * success; returns NULL with errno set otherwise.
 */
extern struct store *store_align_create (struct store *inner,
                                         struct range_lock *locks);

/* Let changes that overlap take turns, aligned or not, in all that S
 * is asked from now on: for an inner store that makes each change in
 * several places, which must end up with the same.
 */
extern void store_align_order_changes (struct store *s);

#endif /* DISKSTACK_STORE_ALIGN_H */
