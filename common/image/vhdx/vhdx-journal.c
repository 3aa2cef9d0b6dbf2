/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-journal.h.  A ring with one entry of nearly its length in it
 * has room for an empty entry; and with that in it, for the next long
 * one.  This is why an entry has ENTRY_SPARE bytes less than the ring.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"
#include "image/vhdx/vhdx-journal.h"
#include "vhdx/vhdx-log.h"

#define ENTRY_SPARE (3 * VHDX_LOG_SECTOR)

unsigned
vhdx_journal_batch (uint32_t length)
{
  return vhdx_log_entry_pages (length - ENTRY_SPARE);
}

static int
failed (const struct vhdx_journal *j, const char *what, int *err)
{
  errno = *err;
  log_error ("%s: %s: %m", j->name, what);
  return -1;
}

/* The COUNT bytes at P go to NEXT, around the end of the ring. */
static int
put_entry (struct vhdx_journal *j, const uint8_t *p, uint32_t count, int *err)
{
  const uint32_t first = (uint32_t) min_u64 (count, j->length - j->next);

  if (store_write (j->inner, p, first, j->offset + j->next, 0, err) == -1)
    return -1;
  if (first == count)
    return 0;
  return store_write (j->inner, p + first, count - first, j->offset, 0, err);
}

/* Flush, and know how long the file is for certain. */
static int
flush (struct vhdx_journal *j, int *err)
{
  const uint64_t size = store_size (j->inner);

  if (store_flush (j->inner, err) == -1)
    return failed (j, "flushing", err);
  j->flushed = size;
  return 0;
}

/* Write the entry of CHANGES at NEXT, where there is room, and make it
 * durable.  It needs no other: its tail is itself.
 */
static int
append (struct vhdx_journal *j, const struct vhdx_log_change *changes,
        uint32_t n, int *err)
{
  const uint32_t size = (uint32_t) vhdx_log_entry_size (n, n);
  struct vhdx_log_entry e = { .offset = j->next,
                              .tail = j->next,
                              .sequence = j->sequence,
                              .flushed_offset = j->flushed,
                              .last_offset = store_size (j->inner) };
  CLEANUP_FREE uint8_t *p = calloc (1, size);

  if (j->sequence == UINT64_MAX) {
    *err = EOVERFLOW;
    return failed (j, "the sequence numbers of the log are used up", err);
  }
  if (p == NULL) {
    *err = ENOMEM;
    return failed (j, "writing the log", err);
  }
  vhdx_log_entry_serialise (&e, &j->id, changes, n, p);
  if (put_entry (j, p, size, err) == -1)
    return failed (j, "writing the log", err);
  if (flush (j, err) == -1)
    return -1;
  j->sequence++;
  j->tail = j->next;
  j->next = (uint32_t) (((uint64_t) j->next + size) % j->length);
  return 0;
}

int
vhdx_journal_start (struct vhdx_journal *j, struct store *inner,
                    uint64_t offset, uint32_t length, const char *name,
                    int *err)
{
  struct uuid random;

  *j = (struct vhdx_journal){
    .inner = inner, .name = name, .offset = offset, .length = length
  };
  if (image_vhdx_new_guid (&j->id, name, err) == -1 ||
      image_vhdx_new_guid (&random, name, err) == -1)
    return -1;
  /* Far from 0, and from the end. */
  memcpy (&j->sequence, random.b, sizeof j->sequence);
  j->sequence = (j->sequence & (UINT64_MAX >> 2)) + 1;
  return append (j, NULL, 0, err);
}

static int
make_room (struct vhdx_journal *j, uint32_t size, int *err)
{
  if (size <= vhdx_log_room (j->length, j->tail, j->next))
    return 0;
  return append (j, NULL, 0, err);
}

static int
write_in_place (struct vhdx_journal *j, const struct image_page *pages,
                unsigned n, int *err)
{
  for (unsigned k = 0; k < n; k++) {
    if (store_write (j->inner, pages[k].data, IMAGE_PAGE, pages[k].offset, 0,
                     err) == -1) {
      errno = *err;
      log_error ("%s: writing metadata at %llu: %m", j->name,
                 (unsigned long long) pages[k].offset);
      return -1;
    }
  }
  return 0;
}

/* N pages, which fit into one entry. */
static int
write_batch (struct vhdx_journal *j, const struct image_page *pages, unsigned n,
             int *err)
{
  CLEANUP_FREE struct vhdx_log_change *changes = calloc (n, sizeof *changes);

  if (changes == NULL) {
    *err = ENOMEM;
    return failed (j, "writing the log", err);
  }
  for (unsigned k = 0; k < n; k++) {
    assert (pages[k].count == IMAGE_PAGE &&
            IS_ALIGNED (pages[k].offset, IMAGE_PAGE));
    changes[k] = (struct vhdx_log_change){ .offset = pages[k].offset,
                                           .length = IMAGE_PAGE,
                                           .page = pages[k].data };
  }
  if (make_room (j, (uint32_t) vhdx_log_entry_size (n, n), err) == -1 ||
      append (j, changes, n, err) == -1)
    return -1;
  return write_in_place (j, pages, n, err);
}

int
vhdx_journal_write (struct vhdx_journal *j, const struct image_page *pages,
                    unsigned npages, int *err)
{
  const unsigned batch = vhdx_journal_batch (j->length);

  for (unsigned done = 0, n; done < npages; done += n) {
    n = (unsigned) min_u64 (npages - done, batch);
    /* The next entry does not repeat what the last one says. */
    if (done > 0 && flush (j, err) == -1)
      return -1;
    if (write_batch (j, pages + done, n, err) == -1)
      return -1;
  }
  return 0;
}

int
vhdx_journal_forget (struct vhdx_journal *j, int *err)
{
  if (flush (j, err) == -1)
    return -1;
  return append (j, NULL, 0, err);
}
