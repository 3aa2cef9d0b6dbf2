/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The patterns of bench-pattern.h.  Zipf's distribution is a table of
 * sums and a binary search in it, which is exact for every exponent.
 */

#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-pattern.h"
#include "support/rng.h"

enum kind { SAME, SEQUENTIAL, RANDOM, ZIPF, SCAN, TRACE };

struct pattern {
  enum kind kind;
  struct pattern_options o;
  uint64_t nblocks;
  uint64_t hot;     /* SCAN: blocks */
  double *sums;     /* ZIPF: the probability of the first K+1 blocks */
  uint64_t scatter; /* ZIPF: a number that has no factor with nblocks */
  struct request *trace;
  uint64_t ntrace;
};

static _Noreturn void
bad (const char *what, const char *arg)
{
  fprintf (stderr, "bench-trace: %s: %s\n", arg, what);
  exit (EXIT_FAILURE);
}

static void *
allocate (size_t n, size_t size)
{
  void *p = calloc (n, size);

  if (p == NULL)
    bad ("no memory", "pattern");
  return p;
}

static uint64_t
common_factor (uint64_t a, uint64_t b)
{
  while (b != 0) {
    const uint64_t rest = a % b;

    a = b;
    b = rest;
  }
  return a;
}

static void
make_zipf (struct pattern *p, const char *arg)
{
  const double theta = strtod (arg, NULL);
  double sum = 0;

  if (!(theta > 0))
    bad ("not a number above 0", arg);
  p->sums = allocate (p->nblocks, sizeof *p->sums);
  for (uint64_t i = 0; i < p->nblocks; i++)
    p->sums[i] = sum += pow ((double) (i + 1), -theta);
  for (uint64_t i = 0; i < p->nblocks; i++)
    p->sums[i] /= sum;
  /* Near the golden section, so that neighbours in the order are far
   * apart on the disk.
   */
  p->scatter = (uint64_t) ((double) p->nblocks * 0.618);
  while (common_factor (p->scatter, p->nblocks) != 1)
    p->scatter++;
}

static uint64_t
zipf_block (const struct pattern *p, uint64_t random)
{
  const double x = (double) (random >> 11) * 0x1p-53;
  uint64_t low = 0, high = p->nblocks - 1;

  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;

    if (p->sums[middle] > x)
      high = middle;
    else
      low = middle + 1;
  }
  return low * p->scatter % p->nblocks;
}

/* A line of a trace, on a disk of SIZE bytes, which may be smaller than
 * the one that it was recorded on.
 */
static bool
parse_line (const char *line, uint64_t size, struct request *r)
{
  unsigned long long block, n;
  char op;

  if (sscanf (line, "%c %llu %llu", &op, &block, &n) != 3 ||
      (op != 'r' && op != 'w') || n == 0 || n > PATTERN_COUNT_MAX / 4096)
    return false;
  r->write = op == 'w';
  r->count = (uint32_t) n * 4096;
  if (r->count > size)
    return false;
  r->offset = block * 4096 % (size - r->count + 4096);
  return true;
}

static void
read_trace (struct pattern *p, const char *path)
{
  FILE *f = fopen (path, "r");
  uint64_t space = 1024;
  char line[256];

  if (f == NULL)
    bad ("cannot be opened", path);
  p->trace = allocate (space, sizeof *p->trace);
  while (fgets (line, sizeof line, f) != NULL) {
    if (line[0] == '#')
      continue;
    if (p->ntrace == space) {
      p->trace = realloc (p->trace, (space *= 2) * sizeof *p->trace);
      if (p->trace == NULL)
        bad ("no memory", path);
    }
    if (!parse_line (line, p->o.size, &p->trace[p->ntrace++]))
      bad (line, path);
  }
  fclose (f);
  if (p->ntrace == 0)
    bad ("nothing in it", path);
}

/* Is SPEC of this kind?  If so, *ARG is what follows. */
static bool
is_kind (const char *spec, const char *kind, const char **arg)
{
  const size_t n = strlen (kind);

  *arg = spec + n;
  return strncmp (spec, kind, n) == 0 &&
         (kind[n - 1] == '=' || spec[n] == '\0');
}

struct pattern *
pattern_create (const char *spec, const struct pattern_options *o)
{
  struct pattern *p = allocate (1, sizeof *p);
  const char *arg;

  p->o = *o;
  p->nblocks = o->size / o->block;
  if (p->nblocks == 0)
    bad ("the disk is smaller than a request", spec);
  if (is_kind (spec, "same", &arg))
    p->kind = SAME;
  else if (is_kind (spec, "sequential", &arg))
    p->kind = SEQUENTIAL;
  else if (is_kind (spec, "random", &arg))
    p->kind = RANDOM;
  else if (is_kind (spec, "zipf=", &arg)) {
    p->kind = ZIPF;
    make_zipf (p, arg);
  }
  else if (is_kind (spec, "scan=", &arg)) {
    p->kind = SCAN;
    p->hot = strtoull (arg, NULL, 0) / o->block;
    if (p->hot == 0 || p->hot >= p->nblocks)
      bad ("not a part of the disk", spec);
  }
  else if (is_kind (spec, "trace=", &arg)) {
    p->kind = TRACE;
    read_trace (p, arg);
  }
  else
    bad ("no such pattern", spec);
  return p;
}

void
pattern_free (struct pattern *p)
{
  free (p->sums);
  free (p->trace);
  free (p);
}

struct request
pattern_request (const struct pattern *p, uint64_t i)
{
  struct request r = { .count = p->o.block };
  uint64_t random, block = 0;
  struct rng rng;

  rng_init (&rng, p->o.seed + (i << 20));
  random = rng_next (&rng);
  switch (p->kind) {
  case SAME:
    break;
  case SEQUENTIAL:
    block = i % p->nblocks;
    break;
  case RANDOM:
    block = random % p->nblocks;
    break;
  case ZIPF:
    block = zipf_block (p, random);
    break;
  case SCAN:
    block = i % 2 ? random % p->hot : p->hot + i / 2 % (p->nblocks - p->hot);
    break;
  case TRACE:
    return p->trace[i % p->ntrace];
  }
  r.offset = block * p->o.block;
  r.write = p->o.write > 0 && rng_below (&rng, 100) < p->o.write;
  return r;
}

uint64_t
pattern_length (const struct pattern *p)
{
  return p->ntrace;
}
