/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an image adds to a request of 4K to what it has: images in memory
 * beside that memory.
 *
 *     bench-image              a table of nanoseconds
 *     bench-image CASE OP N    N requests, to count instructions of
 *                              (instructions.py)
 */

#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-turns.h"
#include "image/store-image.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "support/rng.h"
#include "support/store-mem.h"

enum { DISK = 64 << 20, BLOCK = 4096, RUNS = 9 };

struct subject {
  const char *name;
  bool vhd1, vhdx, child;
  bool bits; /* one sector of each block of the image is absent */
};

static const struct subject subjects[] = {
  { .name = "store" },
  { .name = "vhd1", .vhd1 = true },
  { .name = "vhd1-child", .vhd1 = true, .child = true },
  { .name = "vhdx", .vhdx = true },
  { .name = "vhdx-child", .vhdx = true, .child = true },
  { .name = "vhdx-bits", .vhdx = true, .child = true, .bits = true },
};
#define NSUBJECTS (sizeof subjects / sizeof subjects[0])

struct bench {
  const struct subject *subject;
  struct store *store;
  struct rng rng;
  char buf[BLOCK];
};

static _Noreturn void
fail (const char *what)
{
  fprintf (stderr, "bench-image: %s\n", what);
  exit (EXIT_FAILURE);
}

static struct store *
memory (uint64_t size)
{
  const struct store_mem_options o = store_mem_defaults (size);

  return store_mem_create (&o);
}

static struct store *
make (const struct subject *s)
{
  const struct image_create_parent parent = { .link_id = { { 1 } },
                                              .relative = "parent" };
  const struct image_create_options c = {
    .name = "bench",
    .type = s->child ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = DISK,
    .block_size = 2 << 20,
    .parent = s->child ? &parent : NULL,
  };
  const struct image_open_options o = { .name = "bench" };
  struct store *file, *store;
  struct image *i;

  if (!s->vhd1 && !s->vhdx)
    return memory (DISK);
  file = memory (0);
  if ((s->vhdx ? image_vhdx_format (file, &c) : image_vhd1_format (file, &c)) ==
      -1)
    fail ("cannot be made");
  i = s->vhdx ? image_vhdx_open (file, &o) : image_vhd1_open (file, &o);
  if (i == NULL)
    fail ("cannot be opened");
  store = store_image_create (i, s->child ? memory (DISK) : NULL);
  if (store == NULL)
    fail ("no memory");
  return store;
}

static void
request (struct bench *b, bool write, uint64_t block)
{
  int err;

  if ((write ? store_write (b->store, b->buf, BLOCK, block * BLOCK, 0, &err) :
               store_read (b->store, b->buf, BLOCK, block * BLOCK, &err)) == -1)
    fail (strerror (err));
}

static void
fill (struct bench *b)
{
  int err;

  for (uint64_t block = 0; block < DISK / BLOCK; block++)
    request (b, true, block);
  if (b->subject->bits) {
    struct image *i = store_image_get (b->store);

    for (uint64_t at = 0; at < DISK; at += 2 << 20) {
      if (image_discard (i, 512, at, &err) == -1)
        fail ("discard");
    }
  }
  if (store_flush (b->store, &err) == -1)
    fail ("flush");
}

static void
open_bench (struct bench *b, const struct subject *s)
{
  memset (b, 0, sizeof *b);
  b->subject = s;
  rng_init (&b->rng, 1);
  rng_fill (&b->rng, b->buf, sizeof b->buf);
  b->store = make (s);
  fill (b);
}

/* Not to the first of a block of the image, which may have a gap. */
static void
requests (struct bench *b, bool write, unsigned n)
{
  while (n-- > 0)
    request (b, write, rng_below (&b->rng, DISK / BLOCK) | 1);
}

static double
measure (struct bench *b, bool write)
{
  enum { N = 50000 };
  const double start = bench_cpu_ns ();

  requests (b, write, N);
  return (bench_cpu_ns () - start) / N;
}

/* Subjects take turns. */
static void
table (void)
{
  static struct bench b[NSUBJECTS];
  static double ns[NSUBJECTS][2][RUNS];
  double base[2] = { 0 };

  for (unsigned i = 0; i < NSUBJECTS; i++)
    open_bench (&b[i], &subjects[i]);
  for (unsigned run = 0; run < RUNS; run++) {
    for (unsigned i = 0; i < NSUBJECTS; i++) {
      for (unsigned write = 0; write < 2; write++)
        ns[i][write][run] = measure (&b[i], write);
    }
  }
  printf ("%-12s %10s %10s   ns for 4K, and more than the store\n", "", "read",
          "write");
  for (unsigned i = 0; i < NSUBJECTS; i++) {
    const double read = bench_median (ns[i][0], RUNS),
                 write = bench_median (ns[i][1], RUNS);

    if (i == 0) {
      base[0] = read;
      base[1] = write;
    }
    printf ("%-12s %10.0f %10.0f   %+.0f %+.0f\n", subjects[i].name, read,
            write, read - base[0], write - base[1]);
    store_close (b[i].store);
  }
}

static void
only (const char *name, bool write, unsigned n)
{
  struct bench b;

  for (unsigned i = 0; i < NSUBJECTS; i++) {
    if (strcmp (subjects[i].name, name) != 0)
      continue;
    open_bench (&b, &subjects[i]);
    requests (&b, write, n);
    store_close (b.store);
    return;
  }
  fail ("no such case");
}

int
main (int argc, char *argv[])
{
  if (argc == 4)
    only (argv[1], strcmp (argv[2], "write") == 0,
          (unsigned) strtoul (argv[3], NULL, 10));
  else
    table ();
  return EXIT_SUCCESS;
}
