/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much memory a presence set takes for a million sectors, beside a
 * flat bitmap: all of it, and those of its pages that have a bit.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "bench-presence.h"
#include "presence/presence.h"

/* Set N sectors at a time until a million are present. */
static void
bench_memory (const char *disk, const char *name, uint64_t nbits, uint64_t n,
              bool sequential)
{
  struct presence *p = check_alloc (presence_create (nbits));
  struct presence *pages =
    check_alloc (presence_create (DIV_ROUND_UP (nbits, 32768)));
  uint64_t at = 0, count = 0;
  double set, flat = (double) nbits / 8, touched;

  while (count < 1000000) {
    int64_t r;

    if (!sequential)
      at = random_below (nbits / n) * n;
    r = presence_test_and_set (p, at, n);
    check_ok (r);
    count += (uint64_t) r;
    check_ok (presence_set (pages, at / 32768, 1));
    at += n;
  }
  set = (double) presence_memory (p);
  touched = (double) presence_count (pages, 0, presence_nbits (pages)) * 4096;
  printf ("  %-8s %-24s %12.0f %12.0f %12.0f %9.5f %9.4f\n", disk, name, set,
          flat, touched, set / flat, set / touched);
  presence_free (p);
  presence_free (pages);
}

void
bench_memory_all (void)
{
  static const struct {
    const char *name;
    uint64_t nbits;
  } disks[] = { { "1 GiB", BIT (21) },
                { "1 TiB", BIT (31) },
                { "64 TiB", BIT (37) } };

  printf ("\nmemory for a million sectors: bytes; flat is the bitmap and its"
          " touched pages\n"
          "  %-8s %-24s %12s %12s %12s %9s %9s\n",
          "disk", "present", "set", "flat", "touched", "set/flat", "/touched");
  for (unsigned i = 0; i < ARRAY_SIZE (disks); i++) {
    const char *d = disks[i].name;
    uint64_t nbits = disks[i].nbits;

    bench_memory (d, "sequential 4K", nbits, 8, true);
    bench_memory (d, "random 4K", nbits, 8, false);
    bench_memory (d, "random 64K", nbits, 128, false);
    bench_memory (d, "random single sectors", nbits, 1, false);
  }
}
