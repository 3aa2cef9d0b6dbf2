/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See latency-device.h.  Nobody sleeps with a lock.  A serial device is a
 * moment, at which it is done with all that it has been asked: an operation
 * moves it on and waits for the new one.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/latency-device.h"

#define FILE_MAX (1024 * 1024)

/* How often the file is looked at. */
#define LOOK_EVERY (100 * CLOCK_MILLISECOND)

struct latency_device {
  struct latency_model first; /* without the file */
  struct latency_model model; /* with it */
  pthread_rwlock_t lock;      /* for model */
  char *path;
  uint64_t seed;
  _Atomic uint64_t draws[LATENCY_OPS];
  _Atomic uint64_t next_look; /* clock_coarse_ns; UINT64_MAX: somebody does */
  struct stat seen;           /* who looks has it */
  pthread_mutex_t queue;
  uint64_t free_at; /* clock_ns */
};

char *
latency_device_read_file (const char *name)
{
  CLEANUP_CLOSE int fd = open (name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  char *text = NULL;
  struct stat st;
  ssize_t n;

  if (fd == -1 || fstat (fd, &st) == -1)
    return NULL;
  if (!S_ISREG (st.st_mode) || st.st_size > FILE_MAX) {
    errno = EINVAL;
    return NULL;
  }
  text = malloc (FILE_MAX + 1);
  if (text == NULL)
    return NULL;
  n = pread (fd, text, FILE_MAX, 0);
  if (n == -1) {
    free (text);
    return NULL;
  }
  text[n] = '\0';
  return text;
}

int
latency_device_load (const struct latency_device_options *o,
                     struct latency_model *m)
{
  CLEANUP_FREE char *text = NULL;
  enum latency_status status;
  unsigned line;

  *m = o->model;
  if (o->path == NULL)
    return 0;
  text = latency_device_read_file (o->path);
  if (text == NULL) {
    log_error ("%s: %m", o->path);
    return -1;
  }
  status = latency_model_parse (m, text, latency_device_read_file, &line);
  if (status == LATENCY_OK)
    return 0;
  log_error ("%s: line %u %s", o->path, line, latency_status_string (status));
  return -1;
}

struct latency_device *
latency_device_create (const struct latency_device_options *o)
{
  struct latency_device *d = calloc (1, sizeof *d);

  if (d == NULL || (o->path != NULL && (d->path = strdup (o->path)) == NULL)) {
    free (d);
    errno = ENOMEM;
    return NULL;
  }
  d->first = d->model = o->model;
  d->seed = o->seed;
  pthread_rwlock_init (&d->lock, NULL);
  pthread_mutex_init (&d->queue, NULL);
  return d;
}

void
latency_device_free (struct latency_device *d)
{
  if (d == NULL)
    return;
  pthread_rwlock_destroy (&d->lock);
  pthread_mutex_destroy (&d->queue);
  free (d->path);
  free (d);
}

/* The file. */

static bool
has_changed (const struct stat *a, const struct stat *b)
{
  return a->st_ino != b->st_ino || a->st_dev != b->st_dev ||
         a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
         a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static void
read_again (struct latency_device *d)
{
  const struct latency_device_options o = { .model = d->first,
                                            .path = d->path };
  struct latency_model *m = malloc (sizeof *m);

  if (m != NULL && latency_device_load (&o, m) == 0) {
    WRLOCK_SCOPE (&d->lock);
    d->model = *m;
  }
  free (m);
}

/* One thread looks, the others go on with what there is. */
static void
look (struct latency_device *d)
{
  const uint64_t now = clock_coarse_ns ();
  uint64_t next = atomic_load_explicit (&d->next_look, memory_order_relaxed);
  struct stat st = { 0 };

  if (d->path == NULL || now < next ||
      !atomic_compare_exchange_strong (&d->next_look, &next, UINT64_MAX))
    return;
  if (stat (d->path, &st) == -1)
    memset (&st, 0, sizeof st);
  if (has_changed (&st, &d->seen)) {
    d->seen = st;
    read_again (d);
  }
  atomic_store (&d->next_look, now + LOOK_EVERY);
}

/* The queue. */

static uint64_t
wait_in_line (struct latency_device *d, uint64_t time)
{
  const uint64_t now = clock_ns ();

  LOCK_SCOPE (&d->queue);
  d->free_at = max_u64 (d->free_at, now) + time;
  return d->free_at - now;
}

uint64_t
latency_device_start (struct latency_device *d, enum latency_op op,
                      uint64_t count, uint64_t offset)
{
  const uint64_t n =
    atomic_fetch_add_explicit (&d->draws[op], 1, memory_order_relaxed);
  uint64_t time;
  bool serial;

  look (d);
  {
    RDLOCK_SCOPE (&d->lock);
    time = latency_model_draw (&d->model, op, count, offset, d->seed, n);
    serial = d->model.serial;
  }
  return serial && op < LATENCY_EXTENTS ? wait_in_line (d, time) : time;
}
