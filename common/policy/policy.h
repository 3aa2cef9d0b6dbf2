/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which cluster to evict: S3-FIFO over cluster numbers.  A small queue
 * takes what is new, a main queue what was used again, and a queue of
 * ghosts remembers what left the small one, so that a scan passes
 * through without driving out what is in use.
 *
 * Promoted to the main queue is what was used twice after it was new (uses
 * that follow the insertion at once do not count: requests are smaller
 * than clusters) or was inserted while a ghost.  There are about as many
 * ghosts as clusters held.  What is held is what the caller makes of it:
 * it asks for victims when it needs room.
 *
 * Memory is in proportion to the clusters held and remembered, at most
 * POLICY_BYTES for each and some KiB, plus a table of 8 bytes for each
 * 1024 clusters of the disk (a 64 TiB disk: 8 MiB; what nobody wrote to is
 * not taken).  Remembered are at most two for each that is held, and 128;
 * what was removed counts for a while, up to an eighth of the held.  When
 * fewer are held the queues give memory back; the table keeps what it had
 * and uses it again.  Where clusters are, and how many were ever seen,
 * has no part in it.
 *
 * policy_hit and policy_has may be called by any thread at any time, take
 * no lock, never wait and allocate nothing; all but the first few uses of
 * a cluster write nothing.  The other functions need a lock of the
 * caller's.  Clusters are below NCLUSTERS.
 */

#ifndef DISKSTACK_POLICY_H
#define DISKSTACK_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_BYTES 48

struct policy;

/* For clusters [0, NCLUSTERS), none held.  NULL with errno = ENOMEM.
 * Freeing NULL does nothing.
 */
extern struct policy *policy_create (uint64_t nclusters);
extern void policy_free (struct policy *p);

/* CLUSTER was used; nothing happens if it is not held.  A use may not be
 * counted if others do the same at once.
 */
extern void policy_hit (struct policy *p, uint64_t cluster);

/* Is CLUSTER held? */
extern bool policy_has (const struct policy *p, uint64_t cluster);

/* CLUSTER is held from now on; nothing happens if it was.  Returns 0, or
 * -1 with errno = ENOMEM.
 */
extern int policy_insert (struct policy *p, uint64_t cluster);

/* CLUSTER is not held any more, and not because it was evicted; nothing
 * happens if it was not held.
 */
extern void policy_remove (struct policy *p, uint64_t cluster);

/* Choose the next victim: true and *CLUSTER, which is not held from now
 * on (and perhaps remembered); false if none is held.
 */
extern bool policy_victim (struct policy *p, uint64_t *cluster);

/* Take a victim back that cannot be evicted now (it is dirty, or in
 * use): it is held again, and chosen again when others had their turn.
 * Nothing happens if it was inserted meanwhile.  Returns 0; cannot fail
 * unless there were insertions or removals since it was taken, and then
 * only if memory has run out: -1 with errno = ENOMEM, and not held.
 */
extern int policy_return (struct policy *p, uint64_t cluster);

/* Clusters held, and bytes of memory. */
extern uint64_t policy_count (const struct policy *p);
extern size_t policy_memory (const struct policy *p);

#endif /* DISKSTACK_POLICY_H */
