/* SPDX-License-Identifier: BSD-3-Clause
 *
 * bench-trace [OPTION...] URI PATTERN: sends the requests of a pattern
 * (bench-pattern.h) to an NBD server and prints how many there were, how
 * many clusters of 64K they asked for, their bytes, and the seconds that
 * they took.
 *
 *   -c N        connections, each with a thread of its own [1]
 *   -d N        requests in flight on each [1]
 *   -n N        requests in all; for a trace: how many times all of it
 *   -t SECONDS  stop then, if not done before
 *   -b BYTES    of a request [4096]
 *   -r BYTES    use only this much of the disk
 *   -w PERCENT  are writes, of random bytes
 *   -f N        a flush after every N writes of a connection
 *   -F          a flush at the end, which is counted in the time
 *   -s SEED
 *   -v IMAGE    what is read must be as in this file
 *
 * The connections take turns at the requests of one pattern, after all of
 * them are connected.
 */

#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libnbd.h>

#include "bench-pattern.h"
#include "support/rng.h"

enum { DEPTH_MAX = 64, CONNECTIONS_MAX = 256, CLUSTER = 65536 };

struct run {
  const char *uri;
  struct pattern_options o;
  struct pattern *pattern;
  unsigned connections, depth, flush_every;
  bool flush_at_end;
  uint64_t most; /* requests */
  double seconds;
  const char *image; /* or NULL */
  uint64_t image_size;
  pthread_barrier_t start;
  _Atomic double start_time;
  _Atomic uint64_t next, done, clusters, bytes;
};

struct slot {
  struct connection *c;
  struct request r;
  char *buf;
  bool busy;
};

struct connection {
  struct run *run;
  struct nbd_handle *h;
  pthread_t thread;
  struct slot slot[DEPTH_MAX];
  uint64_t writes;
  bool flush; /* is due, before any other write */
};

static _Noreturn void
fail (const char *what, const char *why)
{
  fprintf (stderr, "bench-trace: %s: %s\n", what, why);
  exit (EXIT_FAILURE);
}

static double
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
map_image (struct run *run, const char *path)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  void *p;

  if (fd == -1 || fstat (fd, &st) == -1 ||
      (p = mmap (NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0)) ==
        MAP_FAILED) {
    perror (path);
    exit (EXIT_FAILURE);
  }
  close (fd);
  run->image = p;
  run->image_size = (uint64_t) st.st_size;
}

static void
verify (const struct run *run, const struct slot *s)
{
  char where[64];

  if (run->image == NULL || s->r.write)
    return;
  snprintf (where, sizeof where, "read of %" PRIu32 " at %" PRIu64, s->r.count,
            s->r.offset);
  if (s->r.offset + s->r.count > run->image_size)
    fail (where, "beyond the image");
  if (memcmp (s->buf, run->image + s->r.offset, s->r.count) != 0)
    fail (where, "wrong content");
}

static int
completed (void *opaque, int *error)
{
  struct slot *s = opaque;
  struct run *run = s->c->run;
  const uint64_t clusters =
    (s->r.offset + s->r.count - 1) / CLUSTER - s->r.offset / CLUSTER + 1;

  if (*error != 0)
    fail (s->r.write ? "write" : "read", strerror (*error));
  verify (run, s);
  atomic_fetch_add_explicit (&run->done, 1, memory_order_relaxed);
  atomic_fetch_add_explicit (&run->clusters, clusters, memory_order_relaxed);
  atomic_fetch_add_explicit (&run->bytes, s->r.count, memory_order_relaxed);
  s->busy = false;
  return 1; /* and retire the command */
}

static void
submit (struct connection *c, struct slot *s, uint64_t i)
{
  const nbd_completion_callback cb = { .callback = completed, .user_data = s };
  struct run *run = c->run;
  int64_t cookie;

  s->r = pattern_request (run->pattern, i);
  s->busy = true;
  if (s->r.write) {
    memcpy (s->buf, &i, sizeof i); /* no two alike */
    cookie = nbd_aio_pwrite (c->h, s->buf, s->r.count, s->r.offset, cb, 0);
    c->flush = run->flush_every != 0 && ++c->writes % run->flush_every == 0;
  }
  else
    cookie = nbd_aio_pread (c->h, s->buf, s->r.count, s->r.offset, cb, 0);
  if (cookie == -1)
    fail ("submit", nbd_get_error ());
}

static void
poll_once (struct connection *c)
{
  if (nbd_poll (c->h, -1) == -1)
    fail ("poll", nbd_get_error ());
}

/* All that is in flight first, as a client's fsync does. */
static void
flush (struct connection *c)
{
  while (nbd_aio_in_flight (c->h) > 0)
    poll_once (c);
  if (nbd_flush (c->h, 0) == -1)
    fail ("flush", nbd_get_error ());
  c->flush = false;
}

/* Fill the free slots; false when there are no more requests. */
static bool
submit_all (struct connection *c)
{
  struct run *run = c->run;

  for (unsigned k = 0; k < run->depth; k++) {
    uint64_t i;

    if (c->slot[k].busy)
      continue;
    if (c->flush)
      flush (c);
    i = atomic_fetch_add_explicit (&run->next, 1, memory_order_relaxed);
    if (i >= run->most ||
        (run->seconds > 0 && now () - run->start_time >= run->seconds))
      return false;
    submit (c, &c->slot[k], i);
  }
  return true;
}

static void *
work (void *opaque)
{
  struct connection *c = opaque;

  if (pthread_barrier_wait (&c->run->start) == PTHREAD_BARRIER_SERIAL_THREAD)
    c->run->start_time = now ();
  pthread_barrier_wait (&c->run->start);
  while (submit_all (c))
    poll_once (c);
  while (nbd_aio_in_flight (c->h) > 0)
    poll_once (c);
  return NULL;
}

static void
open_connection (struct run *run, struct connection *c, unsigned n)
{
  struct rng rng;

  c->run = run;
  c->h = nbd_create ();
  if (c->h == NULL || nbd_connect_uri (c->h, run->uri) == -1)
    fail ("connect", nbd_get_error ());
  rng_init (&rng, run->o.seed + n);
  for (unsigned k = 0; k < run->depth; k++) {
    c->slot[k].c = c;
    c->slot[k].buf = malloc (PATTERN_COUNT_MAX);
    if (c->slot[k].buf == NULL)
      fail ("buffer", "no memory");
    rng_fill (&rng, c->slot[k].buf, PATTERN_COUNT_MAX);
  }
}

static void
close_connection (struct connection *c)
{
  nbd_shutdown (c->h, 0);
  nbd_close (c->h);
  for (unsigned k = 0; k < c->run->depth; k++)
    free (c->slot[k].buf);
}

/* How much of the disk, and how many requests. */
static void
set_limits (struct run *run, struct connection *c, const char *spec)
{
  const int64_t size = nbd_get_size (c->h);

  if (size < 0)
    fail ("size", nbd_get_error ());
  if (run->o.size == 0 || run->o.size > (uint64_t) size)
    run->o.size = (uint64_t) size;
  run->o.size -= run->o.size % run->o.block;
  run->pattern = pattern_create (spec, &run->o);
  if (run->most == 0)
    run->most = UINT64_MAX;
  else if (pattern_length (run->pattern) != 0)
    run->most *= pattern_length (run->pattern);
}

static void
execute (struct run *run, const char *spec)
{
  struct connection *c = calloc (run->connections, sizeof *c);
  double seconds;

  if (c == NULL || pthread_barrier_init (&run->start, NULL, run->connections))
    fail ("start", "no memory");
  for (unsigned i = 0; i < run->connections; i++)
    open_connection (run, &c[i], i);
  set_limits (run, c, spec);
  for (unsigned i = 0; i < run->connections; i++) {
    if (pthread_create (&c[i].thread, NULL, work, &c[i]) != 0)
      fail ("thread", "cannot be started");
  }
  for (unsigned i = 0; i < run->connections; i++)
    pthread_join (c[i].thread, NULL);
  if (run->flush_at_end)
    flush (c);
  seconds = now () - run->start_time;
  printf ("%" PRIu64 " %" PRIu64 " %" PRIu64 " %.6f\n", run->done,
          run->clusters, run->bytes, seconds);
  for (unsigned i = 0; i < run->connections; i++)
    close_connection (&c[i]);
  pattern_free (run->pattern);
  pthread_barrier_destroy (&run->start);
  free (c);
}

static uint64_t
number (const char *arg, uint64_t least, uint64_t most)
{
  char *end;
  const uint64_t n = strtoull (arg, &end, 10);

  if (*end != '\0' || n < least || n > most)
    fail (arg, "not a number in the range");
  return n;
}

static void
option (struct run *run, int which)
{
  switch (which) {
  case 'c':
    run->connections = (unsigned) number (optarg, 1, CONNECTIONS_MAX);
    break;
  case 'd':
    run->depth = (unsigned) number (optarg, 1, DEPTH_MAX);
    break;
  case 'n':
    run->most = number (optarg, 1, INT64_MAX);
    break;
  case 't':
    run->seconds = strtod (optarg, NULL);
    break;
  case 'b':
    run->o.block = (uint32_t) number (optarg, 512, PATTERN_COUNT_MAX);
    break;
  case 'r':
    run->o.size = number (optarg, 1, INT64_MAX);
    break;
  case 'w':
    run->o.write = (unsigned) number (optarg, 0, 100);
    break;
  case 'f':
    run->flush_every = (unsigned) number (optarg, 1, UINT32_MAX);
    break;
  case 'F':
    run->flush_at_end = true;
    break;
  case 's':
    run->o.seed = number (optarg, 0, UINT64_MAX);
    break;
  case 'v':
    map_image (run, optarg);
    break;
  default:
    exit (EXIT_FAILURE);
  }
}

int
main (int argc, char *argv[])
{
  static struct run run = { .connections = 1,
                            .depth = 1,
                            .o = { .block = 4096, .seed = 1 } };
  int c;

  while ((c = getopt (argc, argv, "c:d:n:t:b:r:w:f:Fs:v:")) != -1)
    option (&run, c);
  if (argc - optind != 2 || (run.most == 0 && run.seconds <= 0))
    fail ("usage", "bench-trace -n N|-t SECONDS [OPTION...] URI PATTERN");
  run.uri = argv[optind];
  execute (&run, argv[optind + 1]);
  return EXIT_SUCCESS;
}
