/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See page-evict.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/page-evict.h"

/* The kernel drops a unit of its cache when all of it is in the range,
 * and units have up to 2 MiB.  What lies before a request is not wanted
 * any more, so the range is made to begin at a multiple of this; what
 * lies behind may have been read ahead and is left alone.
 */
#define BEHIND (4 * 1024 * 1024)

void
page_evict_init (struct page_evict *e, int fd)
{
  memset (e, 0, sizeof *e);
  e->fd = fd;
  e->page_size = (uint64_t) sysconf (_SC_PAGESIZE);
  pthread_mutex_init (&e->lock, NULL);
}

/* This is advice: failing costs memory, not data. */
static void
advise (int fd, uint64_t start, uint64_t end)
{
  const int r = posix_fadvise (fd, (off_t) start, (off_t) (end - start),
                               POSIX_FADV_DONTNEED);

  if (r != 0)
    log_debug ("posix_fadvise: DONTNEED: offset=%llu count=%llu: %s",
               (unsigned long long) start, (unsigned long long) (end - start),
               strerror (r));
}

static void
drop (struct page_evict *e, uint64_t count, uint64_t offset)
{
  advise (e->fd, ROUND_DOWN (offset, BEHIND),
          ROUND_UP (offset + count, e->page_size));
}

void
page_evict_around (int fd, uint64_t count, uint64_t offset)
{
  advise (fd, ROUND_DOWN (offset, BEHIND), ROUND_UP (offset + count, BEHIND));
}

static int
write_out (struct page_evict *e, uint64_t count, uint64_t offset,
           unsigned flags)
{
  int r;

  do
    r = sync_file_range (e->fd, (off_t) offset, (off_t) count, flags);
  while (r == -1 && errno == EINTR);
  return r;
}

static int
finish (struct page_evict *e, uint64_t count, uint64_t offset)
{
  if (count == 0)
    return 0;
  if (write_out (e, count, offset,
                 SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                   SYNC_FILE_RANGE_WAIT_AFTER) == -1)
    return -1;
  drop (e, count, offset);
  return 0;
}

/* Nobody is left to be told of errors; a flush would have been. */
void
page_evict_fini (struct page_evict *e)
{
  for (unsigned i = 0; i < PAGE_EVICT_WINDOW; i++)
    (void) finish (e, e->window[i].count, e->window[i].offset);
  pthread_mutex_destroy (&e->lock);
}

void
page_evict_clean (struct page_evict *e, uint64_t count, uint64_t offset)
{
  drop (e, count, offset);
}

int
page_evict_dirty (struct page_evict *e, uint64_t count, uint64_t offset)
{
  uint64_t old_count, old_offset;

  if (write_out (e, count, offset, SYNC_FILE_RANGE_WRITE) == -1)
    return -1;
  pthread_mutex_lock (&e->lock);
  old_count = e->window[e->next].count;
  old_offset = e->window[e->next].offset;
  e->window[e->next].count = count;
  e->window[e->next].offset = offset;
  e->next = (e->next + 1) % PAGE_EVICT_WINDOW;
  pthread_mutex_unlock (&e->lock);
  return finish (e, old_count, old_offset);
}
