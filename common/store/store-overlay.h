/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A read-only store over another one in which some ranges are replaced,
 * by data or by zeroes, and which may be longer: how a log is applied in
 * memory to a file that must not be written.
 *
 * First the changes are told, in the order in which they would be made;
 * a later one lies over an earlier one.  Then it is sealed, and from then
 * on read, by any number of threads.  What is kept are the pages that are
 * visible and some bytes for each range; a change costs no more while
 * they are collected, and sealing takes n log n.
 */

#ifndef DISKSTACK_STORE_OVERLAY_H
#define DISKSTACK_STORE_OVERLAY_H

#include "store/store.h"

/* The unit of all changes. */
#define STORE_OVERLAY_PAGE 4096u

/* An overlay over INNER, which it owns from now on; INNER's alignment
 * must divide a page.  NULL with errno = ENOMEM; INNER is still the
 * caller's then.
 */
extern struct store *store_overlay_create (struct store *inner);

/* The page at OFFSET is replaced by PAGE, which is copied; COUNT bytes at
 * OFFSET by zeroes.  Multiples of the page, ends at most INT64_MAX.
 * Returns 0, or -1 with *err = ENOMEM.
 */
extern int store_overlay_data (struct store *s, const void *page,
                               uint64_t offset, int *err);
extern int store_overlay_zero (struct store *s, uint64_t count, uint64_t offset,
                               int *err);

/* Nothing is added any more.  The store has SIZE bytes; what neither
 * INNER nor a change reaches is zero.  Returns 0, or -1 with *err.
 */
extern int store_overlay_seal (struct store *s, uint64_t size, int *err);

/* Free the overlay, but not INNER, which is returned. */
extern struct store *store_overlay_dissolve (struct store *s);

#endif /* DISKSTACK_STORE_OVERLAY_H */
