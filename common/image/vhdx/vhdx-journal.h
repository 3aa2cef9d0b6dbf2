/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The writing side of a VHDX's log: pages of metadata become durable by
 * an entry in the ring, and are written to their places afterwards.
 *
 * Invariants:
 *
 * - At each moment the ring holds the entry that became durable last,
 *   whole, and it is a sequence of its own: its tail is itself.  So
 *   nothing from TAIL to NEXT is ever overwritten, and a replay applies
 *   just that entry.
 * - Therefore, when an entry is written, what the one before it says has
 *   been written in place and flushed.
 * - Sequence numbers are consecutive, begin at a random one and never
 *   wrap.
 *
 * One thread at a time; commits are one after the other.
 */

#ifndef DISKSTACK_VHDX_JOURNAL_H
#define DISKSTACK_VHDX_JOURNAL_H

#include "image/image-impl.h"

struct vhdx_journal {
  struct store *inner;
  const char *name; /* of the file, for messages */
  struct uuid id;   /* of the session: the header's log_id */
  uint64_t offset;  /* of the ring in the file */
  uint32_t length;
  uint64_t sequence;   /* of the next entry */
  uint32_t tail, next; /* offsets in the ring */
  uint64_t flushed;    /* the file is that long, durable */
};

/* Begin a session in the ring of LENGTH bytes at OFFSET, of a file whose
 * header says that there is nothing to replay: a first entry without
 * pages, durable.  The header is the caller's: it must name J->id before
 * vhdx_journal_write.
 */
extern int vhdx_journal_start (struct vhdx_journal *j, struct store *inner,
                               uint64_t offset, uint32_t length,
                               const char *name, int *err);

/* Make NPAGES whole pages durable and write them in place.  INNER was
 * flushed since the last call, after the data that PAGES name.  Pages in
 * place are durable when INNER is flushed the next time.
 *
 * All of them become durable at once if they fit into one entry, for
 * which the whole ring is used if need be.  Otherwise they do in the
 * order in which they are: a crash may leave the first ones changed and
 * the others not.
 */
extern int vhdx_journal_write (struct vhdx_journal *j,
                               const struct image_page *pages, unsigned npages,
                               int *err);

/* The same as writing no pages: after this no replay will touch what was
 * written before.
 */
extern int vhdx_journal_forget (struct vhdx_journal *j, int *err);

/* How many pages are durable at once in a ring of LENGTH bytes. */
extern unsigned vhdx_journal_batch (uint32_t length);

#endif /* DISKSTACK_VHDX_JOURNAL_H */
