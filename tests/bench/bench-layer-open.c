/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long does it take to open a layer with 1 TiB in it?  The map is
 * made up: in order (a run for each row), or scattered (a run for each
 * cluster, one in 64 of which has every other sector); the file is
 * sparse.  Prints milliseconds and mebibytes.  With two numbers, fails if
 * an open of the first or the second kind takes more than that many
 * milliseconds of the processor: others may use the machine, too.
 */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"
#include "store/store-file.h"

#define DISK (UINT64_C (1) << 40)
#define PAGES (DISK / SDB_CLUSTER / PAGE_CLUSTERS)

void
log_error (const char *fs, ...)
{
  va_list args;

  va_start (args, fs);
  vfprintf (stderr, fs, args);
  va_end (args);
  fputc ('\n', stderr);
}

void
log_debug (const char *fs, ...)
{
}

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static _Noreturn void
fail (const char *what)
{
  perror (what);
  exit (EXIT_FAILURE);
}

static struct store *
open_file (const char *path, bool create)
{
  const struct host_file_options ho = { .path = path, .fd = -1 };
  const struct store_file_options so = { .read_only = false };
  struct host_file *f =
    create ? host_file_create (&ho, 0) : host_file_open (&ho);
  struct store *s;

  if (f == NULL || (s = store_file_create (f, &so)) == NULL)
    fail (path);
  host_file_unref (f);
  return s;
}

/* The places of the disk in order, stripes left out. */
static uint64_t
next_place (uint64_t *place, uint64_t n)
{
  uint64_t p = sdb_place_skip_stripe (*place);

  if (!sdb_places_valid (p, n))
    p = sdb_place_skip_stripe (ROUND_UP (p + 1, SDB_PLACES_PER_SEGMENT));
  *place = p + n;
  return p;
}

static size_t
row_in_order (uint8_t *out, uint64_t *place)
{
  struct sdb_run run = { .kind = SDB_DATA, .nclusters = PAGE_CLUSTERS };

  run.place = next_place (place, PAGE_CLUSTERS);
  return sdb_run_put (out, &run, 128);
}

/* Clusters at places that are two apart, then back. */
static size_t
row_scattered (uint8_t *out, uint64_t *place)
{
  const uint64_t first = next_place (place, PAGE_CLUSTERS);
  size_t n = 0;

  for (unsigned i = 0; i < PAGE_CLUSTERS; i++) {
    struct sdb_run run = { .nclusters = 1,
                           .place = first + (i * 2) % PAGE_CLUSTERS +
                                    i / (PAGE_CLUSTERS / 2) };

    run.kind = i % 64 ? SDB_DATA : SDB_MIXED;
    run.present[0] = run.present[1] = UINT64_C (0x5555555555555555);
    n += sdb_run_put (out + n, &run, 128);
  }
  return n;
}

static void
make (const char *path, size_t (*row) (uint8_t *out, uint64_t *place))
{
  static uint8_t runs[PAGE_CLUSTERS * SDB_RUN_MAX];
  const struct layer_sqlite_options o = { .name = path, .size = DISK };
  struct store *file = open_file (path, true);
  uint64_t place = SDB_PLACE_FIRST;
  struct sqlite_db *db;
  int err;

  if (layer_sqlite_format (file, &o, &nothing) == -1 ||
      (db = sqlite_db_open (file, path, false)) == NULL ||
      sqlite_db_begin (db) == -1)
    exit (EXIT_FAILURE);
  for (uint64_t page = 0; page < PAGES; page++) {
    const size_t n = row (runs, &place);

    if (sqlite_db_put_page (db, page, runs, n) == -1)
      exit (EXIT_FAILURE);
  }
  if (sqlite_db_commit (db) == -1 ||
      store_resize (file, sdb_place_offset (place), &err) == -1)
    fail (path);
  sqlite_db_close (db);
  store_close (file);
}

static double
now (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static double
time_open (const char *path, const char *name)
{
  const struct layer_sqlite_options o = { .name = path };
  struct store *file = open_file (path, false);
  struct layer_sqlite_report r;
  double wall = now (CLOCK_MONOTONIC), cpu = now (CLOCK_PROCESS_CPUTIME_ID);
  struct layer *l = layer_sqlite_open (file, &o, &nothing);
  int err;

  wall = now (CLOCK_MONOTONIC) - wall;
  cpu = now (CLOCK_PROCESS_CPUTIME_ID) - cpu;
  if (l == NULL || layer_sqlite_inspect (l, &r, &err) == -1)
    exit (EXIT_FAILURE);
  printf ("%-10s open %7.1f ms (%7.1f of the processor), memory %6.1f MiB, "
          "%s\n",
          name, wall, cpu, (double) r.memory / (1 << 20),
          r.trouble ? r.trouble : "no trouble");
  if (r.trouble != NULL)
    exit (EXIT_FAILURE);
  layer_close (l);
  return cpu;
}

/* Make one, open it; was it within the limit in ARG, if there is one? */
static bool
try_kind (const char *name, const char *arg,
          size_t (*row) (uint8_t *out, uint64_t *place))
{
  const char *dir = getenv ("BENCH_DIR");
  char path[4096];
  double cpu;

  snprintf (path, sizeof path, "%s/bench-layer-open.%ld", dir ? dir : ".",
            (long) getpid ());
  make (path, row);
  cpu = time_open (path, name);
  unlink (path);
  return arg == NULL || cpu <= strtod (arg, NULL);
}

int
main (int argc, char **argv)
{
  const bool limits = argc == 3;
  const bool first =
    try_kind ("in order", limits ? argv[1] : NULL, row_in_order);
  const bool second =
    try_kind ("scattered", limits ? argv[2] : NULL, row_scattered);

  return first && second ? EXIT_SUCCESS : EXIT_FAILURE;
}
