/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layered-prefetch.h.  The whole trace is read and checked before
 * anything is fetched.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/read-trace.h"
#include "layered/layered-background.h"
#include "layered/layered-impl.h"
#include "layered/layered-prefetch.h"

#define REQUEST (UINT64_C (1) << 20)
#define GIVE_UP 16 /* failures in a row */
#define TEXT_MAX \
  ((int64_t) READ_TRACE_LINE_MAX * ((int64_t) READ_TRACE_RANGES_MAX + 1))

struct range {
  uint64_t offset, count; /* bytes */
};

struct layered_prefetch {
  struct layered *ld;
  struct range *v;
  size_t len, cap;
  uint64_t most; /* bytes to fetch */
  struct layered_background background;
  unsigned failures; /* in a row */
  bool logged;
};

/* ------------------------------------------------------------------ */
/* Reading the trace */

/* What is in FD, with *N; NULL after log_error. */
static char *
read_all (int fd, const char *path, size_t *n)
{
  struct stat st;
  char *text;

  if (fstat (fd, &st) == -1) {
    log_error ("prefetch: %s: %m", path);
    return NULL;
  }
  if (!S_ISREG (st.st_mode) || st.st_size > TEXT_MAX) {
    errno = EINVAL;
    log_error ("prefetch: %s: %s", path,
               S_ISREG (st.st_mode) ? "too large for a trace" :
                                      "not a regular file");
    return NULL;
  }
  text = malloc ((size_t) st.st_size + 1);
  if (text == NULL) {
    log_error ("prefetch: %s: %m", path);
    return NULL;
  }
  for (*n = 0; *n < (size_t) st.st_size;) {
    const ssize_t r = read (fd, text + *n, (size_t) st.st_size - *n);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1) {
      const int saved = errno;

      log_error ("prefetch: %s: read: %m", path);
      free (text);
      errno = saved;
      return NULL;
    }
    if (r == 0)
      break;
    *n += (size_t) r;
  }
  return text;
}

static int
add_range (struct layered_prefetch *p, uint64_t offset, uint64_t count)
{
  if (p->len == p->cap) {
    const size_t cap = p->cap ? 2 * p->cap : 1024;
    struct range *v = realloc (p->v, cap * sizeof *v);

    if (v == NULL)
      return -1;
    p->v = v;
    p->cap = cap;
  }
  p->v[p->len++] = (struct range){ offset, count };
  atomic_fetch_add (&p->ld->prefetch.total, count);
  return 0;
}

/* 0, or -1 after log_error with errno. */
static int
parse (struct layered_prefetch *p, const char *path, const char *text, size_t n)
{
  struct read_trace t;
  uint64_t offset, count;
  enum read_trace_status status = read_trace_begin (&t, text, n);

  if (status == READ_TRACE_OK && t.size != p->ld->size) {
    log_error ("prefetch: %s: is of a disk of %" PRIu64 " bytes, this one has "
               "%" PRIu64,
               path, t.size, p->ld->size);
    errno = EINVAL;
    return -1;
  }
  while (status == READ_TRACE_OK) {
    status = read_trace_next (&t, &offset, &count);
    if (status == READ_TRACE_OK && add_range (p, offset, count) == -1) {
      log_error ("prefetch: %s: %m", path);
      return -1;
    }
  }
  if (status == READ_TRACE_END)
    return 0;
  log_error ("prefetch: %s: line %" PRIu64 ": the file %s", path, t.line,
             read_trace_status_string (status));
  errno = EINVAL;
  return -1;
}

static int
load (struct layered_prefetch *p, const char *path)
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  CLEANUP_FREE char *text = NULL;
  size_t n;

  if (fd == -1) {
    log_error ("prefetch: %s: %m", path);
    return -1;
  }
  text = read_all (fd, path, &n);
  return text != NULL ? parse (p, path, text, n) : -1;
}

/* ------------------------------------------------------------------ */
/* Fetching */

/* False: stop. */
static bool
fetch (struct layered_prefetch *p, uint64_t offset, uint64_t count)
{
  struct layered *ld = p->ld;
  const uint64_t sector = offset >> ld->sector_shift;
  const uint64_t end =
    DIV_ROUND_UP (offset + count, UINT64_C (1) << ld->sector_shift);
  int err;

  if (!layered_background_sleep (&p->background, 0))
    return false;
  count_add (&ld->prefetch.done, count);
  if (layered_cache (ld, ld->own_bottom, sector, end - sector, &err) == 0) {
    p->failures = 0;
    return true;
  }
  if (!p->logged) {
    errno = err;
    log_error ("prefetch: offset=%" PRIu64 " count=%" PRIu64
               ": %m (left out; said once)",
               offset, count);
    p->logged = true;
  }
  return ++p->failures < GIVE_UP;
}

static bool
fetch_range (struct layered_prefetch *p, const struct range *r)
{
  uint64_t n;

  for (uint64_t done = 0; done < r->count; done += n) {
    n = min_u64 (REQUEST, r->count - done);
    if (n > p->most || !fetch (p, r->offset + done, n))
      return false;
    p->most -= n;
  }
  return true;
}

static void *
run (void *opaque)
{
  struct layered_prefetch *p = opaque;
  size_t i = 0;

  while (i < p->len && fetch_range (p, &p->v[i]))
    i++;
  log_debug ("prefetch: %zu of %zu ranges, %" PRIu64 " bytes", i, p->len,
             count_get (&p->ld->prefetch.done));
  atomic_store (&p->ld->prefetch.finished, i == p->len);
  atomic_store (&p->ld->prefetch.active, false);
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Start and stop */

/* As much as the cache can take. */
static uint64_t
choose_most (const struct layered *ld)
{
  for (unsigned i = 0; i < ld->nlayers; i++) {
    const struct layered_member *m = &ld->member[i];

    if (m->read_cache && !m->layer->info.read_only && m->max != 0)
      return m->max / 8 * 7;
    if (m->read_cache && !m->layer->info.read_only)
      break;
  }
  return UINT64_MAX;
}

static void
free_prefetch (struct layered_prefetch *p)
{
  free (p->v);
  free (p);
}

int
layered_prefetch_start (struct layered *ld, const char *path, int *err)
{
  struct layered_prefetch *p;

  *err = EINVAL;
  if (ld->own_bottom == NULL || ld->prefetcher != NULL) {
    log_error ("prefetch: %s: %s", path,
               ld->own_bottom ? "something is prefetched already" :
                                "there is no disk below to fetch from");
    return -1;
  }
  p = calloc (1, sizeof *p);
  if (p == NULL) {
    *err = ENOMEM;
    log_error ("prefetch: %s: %m", path);
    return -1;
  }
  p->ld = ld;
  p->most = choose_most (ld);
  atomic_store (&ld->prefetch.done, 0);
  atomic_store (&ld->prefetch.total, 0);
  atomic_store (&ld->prefetch.finished, false);
  if (load (p, path) == -1) {
    *err = errno;
    free_prefetch (p);
    return -1;
  }
  atomic_store (&ld->prefetch.active, true);
  if (layered_background_start (&p->background, run, p, err) == -1) {
    errno = *err;
    log_error ("prefetch: %s: pthread_create: %m", path);
    atomic_store (&ld->prefetch.active, false);
    free_prefetch (p);
    return -1;
  }
  ld->prefetcher = p;
  return 0;
}

void
layered_prefetch_stop (struct layered *ld)
{
  struct layered_prefetch *p = ld->prefetcher;

  if (p == NULL)
    return;
  layered_background_stop (&p->background);
  free_prefetch (p);
  ld->prefetcher = NULL;
}
