/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A disk as one initiator sees it: what a reservation forbids fails with
 * EPERM.
 */

#ifndef DISKSTACK_PR_STORE_H
#define DISKSTACK_PR_STORE_H

#include "pr/pr-disk.h"
#include "store/store.h"

/* INNER for the initiator NAME (pr_disk_join) of D, which must live longer.
 * Reads, caching and extents are reads; writes, zeroes, trims and flushes
 * are writes.  Takes ownership of INNER on success; NULL with errno
 * otherwise.
 */
extern struct store *pr_store_create (struct pr_disk *d, const char *name,
                                      struct store *inner);

#endif /* DISKSTACK_PR_STORE_H */
