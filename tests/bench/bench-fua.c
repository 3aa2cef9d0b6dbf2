/* SPDX-License-Identifier: BSD-3-Clause
 *
 * bench-fua URI DEPTH EVERY SECONDS: random 4K writes over all of the disk,
 * one of EVERY with FUA, DEPTH of them in flight; prints how many there
 * were in each second.  fio's nbd engine has no FUA.
 */

#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libnbd.h>

#define SIZE 4096
#define DEPTH_MAX 64

struct slot {
  char buf[SIZE];
  bool busy;
};

static uint64_t done;

static void
fail (const char *what)
{
  fprintf (stderr, "bench-fua: %s: %s\n", what, nbd_get_error ());
  exit (EXIT_FAILURE);
}

static double
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int
completed (void *opaque, int *error)
{
  struct slot *s = opaque;

  if (*error != 0) {
    fprintf (stderr, "bench-fua: write: %s\n", strerror (*error));
    exit (EXIT_FAILURE);
  }
  s->busy = false;
  done++;
  return 1; /* and retire the command */
}

static void
submit (struct nbd_handle *h, struct slot *s, uint64_t nblocks, bool fua,
        uint64_t *seed)
{
  const nbd_completion_callback cb = { .callback = completed, .user_data = s };

  /* The multiplier is Knuth's (MMIX). */
  *seed = *seed * 6364136223846793005 + 1442695040888963407;
  s->busy = true;
  memcpy (s->buf, seed, sizeof *seed);
  if (nbd_aio_pwrite (h, s->buf, SIZE, (*seed >> 20) % nblocks * SIZE, cb,
                      fua ? LIBNBD_CMD_FLAG_FUA : 0) == -1)
    fail ("pwrite");
}

int
main (int argc, char *argv[])
{
  static struct slot slots[DEPTH_MAX];
  struct nbd_handle *h = nbd_create ();
  uint64_t seed = 1;
  double start;
  int depth, every;
  double seconds;
  unsigned n = 0;
  int64_t size;

  if (argc != 5 || (depth = atoi (argv[2])) < 1 || depth > DEPTH_MAX ||
      (every = atoi (argv[3])) < 1 || (seconds = atof (argv[4])) <= 0) {
    fprintf (stderr, "usage: bench-fua URI DEPTH EVERY SECONDS\n");
    return EXIT_FAILURE;
  }
  if (h == NULL || nbd_connect_uri (h, argv[1]) == -1)
    fail ("connect");
  size = nbd_get_size (h);
  if (size < SIZE)
    fail ("size");
  memset (slots, 0xa5, sizeof slots);
  for (int i = 0; i < depth; i++)
    slots[i].busy = false;
  start = now ();
  while (now () - start < seconds) {
    for (int i = 0; i < depth; i++) {
      if (!slots[i].busy)
        submit (h, &slots[i], (uint64_t) size / SIZE, n++ % every == 0, &seed);
    }
    if (nbd_poll (h, -1) == -1)
      fail ("poll");
  }
  printf ("%.1f\n", (double) done / (now () - start));
  while (nbd_aio_in_flight (h) > 0) {
    if (nbd_poll (h, -1) == -1)
      fail ("poll");
  }
  nbd_shutdown (h, 0);
  nbd_close (h);
  return EXIT_SUCCESS;
}
