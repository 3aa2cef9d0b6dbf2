/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layered-record.h.  Sectors that were recorded are in a set, so that
 * those who read them again pass by without a lock.  That something could
 * not be recorded is nobody's problem but the trace's, which is not put
 * in its place then.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/read-trace.h"
#include "layered/layered-record.h"
#include "presence/presence.h"
#include "store/host-file.h"

#define BUFFER 65536

struct layered_recorder {
  char *path, *temp;
  int fd; /* of temp */
  unsigned sector_shift;
  uint64_t size; /* of the disk, in bytes */
  struct presence *seen;

  pthread_mutex_t lock; /* of all that follows, but to read done */
  _Atomic bool done;    /* nothing more is recorded */
  int failed;           /* errno, and the trace is worth nothing; or 0 */
  uint64_t start, end;  /* sectors, of the range that may still grow */
  uint32_t nranges;
  size_t used;
  char buf[BUFFER];
};

/* ------------------------------------------------------------------ */
/* The file */

static void
fail (struct layered_recorder *r, const char *what, int e)
{
  errno = e;
  log_error ("record: %s: %s: %m (recording ends)", r->temp, what);
  r->failed = e;
  atomic_store (&r->done, true);
}

static void
write_out (struct layered_recorder *r)
{
  const char *p = r->buf;

  while (r->used > 0 && r->failed == 0) {
    const ssize_t n = write (r->fd, p, r->used);

    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1) {
      fail (r, "write", errno);
      return;
    }
    p += n;
    r->used -= (size_t) n;
  }
}

static char *
room_for_line (struct layered_recorder *r)
{
  if (BUFFER - r->used < READ_TRACE_LINE_MAX)
    write_out (r);
  return r->failed == 0 ? r->buf + r->used : NULL;
}

/* The range that was collected so far cannot grow any more. */
static void
put_range (struct layered_recorder *r)
{
  const uint64_t offset = r->start << r->sector_shift;
  const uint64_t end = min_u64 (r->end << r->sector_shift, r->size);
  char *line;

  if (r->start == r->end || r->nranges == READ_TRACE_RANGES_MAX ||
      (line = room_for_line (r)) == NULL)
    return;
  r->used += read_trace_put_range (line, offset, end - offset);
  r->start = r->end;
  if (++r->nranges == READ_TRACE_RANGES_MAX)
    atomic_store (&r->done, true);
}

/* ------------------------------------------------------------------ */
/* Recording */

static void
add_run (struct layered_recorder *r, uint64_t sector, uint64_t end)
{
  if (presence_set (r->seen, sector, end - sector) == -1) {
    fail (r, "memory", errno);
    return;
  }
  if (r->start == r->end || r->end != sector) {
    put_range (r);
    r->start = sector;
  }
  r->end = end;
}

void
layered_record_note (struct layered_recorder *r, uint64_t sector,
                     uint32_t nsectors)
{
  const uint64_t limit = sector + nsectors;
  uint64_t end;

  if (atomic_load_explicit (&r->done, memory_order_relaxed) ||
      presence_all (r->seen, sector, nsectors))
    return;
  LOCK_SCOPE (&r->lock);
  for (; sector < limit && !atomic_load (&r->done); sector = end) {
    if (!presence_run (r->seen, sector, limit, &end))
      add_run (r, sector, end);
  }
}

/* ------------------------------------------------------------------ */
/* Start and stop */

static void
free_recorder (struct layered_recorder *r)
{
  presence_free (r->seen);
  if (r->fd != -1)
    close (r->fd);
  pthread_mutex_destroy (&r->lock);
  free (r->path);
  free (r->temp);
  free (r);
}

static struct layered_recorder *
make_recorder (const struct layered *ld, const char *path)
{
  struct layered_recorder *r = calloc (1, sizeof *r);

  if (r == NULL)
    return NULL;
  pthread_mutex_init (&r->lock, NULL);
  r->fd = -1;
  r->sector_shift = ld->sector_shift;
  r->size = ld->size;
  r->seen = presence_create (ld->nsectors);
  r->path = strdup (path);
  if (r->seen == NULL || r->path == NULL ||
      asprintf (&r->temp, "%s.XXXXXX", path) == -1) {
    r->temp = NULL;
    free_recorder (r);
    return NULL;
  }
  return r;
}

int
layered_record_start (struct layered *ld, const char *path, int *err)
{
  struct layered_recorder *r;

  if (atomic_load (&ld->recorder) != NULL) {
    *err = EINVAL;
    log_error ("record: %s: something is recorded already", path);
    return -1;
  }
  r = make_recorder (ld, path);
  if (r == NULL) {
    *err = ENOMEM;
    log_error ("record: %s: out of memory", path);
    return -1;
  }
  r->fd = mkostemp (r->temp, O_CLOEXEC);
  if (r->fd == -1) {
    *err = errno;
    log_error ("record: %s: %m", r->temp);
    free_recorder (r);
    return -1;
  }
  r->used = read_trace_put_begin (r->buf, r->size, 1u << r->sector_shift);
  atomic_store_explicit (&ld->recorder, r, memory_order_release);
  return 0;
}

/* Everything is in the file; give it its name. */
static void
finish (struct layered_recorder *r)
{
  if (r->failed == 0 && fsync (r->fd) == -1)
    fail (r, "fsync", errno);
  if (r->failed == 0 && rename (r->temp, r->path) == -1)
    fail (r, "rename", errno);
  if (r->failed != 0)
    unlink (r->temp);
  else if (host_file_sync_name (r->path) == -1)
    r->failed = errno;
}

int
layered_record_stop (struct layered *ld, int *err)
{
  struct layered_recorder *r = atomic_exchange (&ld->recorder, NULL);
  int failed;

  if (r == NULL)
    return 0;
  put_range (r);
  write_out (r);
  finish (r);
  failed = r->failed;
  free_recorder (r);
  if (failed == 0)
    return 0;
  *err = failed;
  return -1;
}
