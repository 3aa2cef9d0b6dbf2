/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which bytes of a file are whose, for a check: what two things claim,
 * and what nothing does.  What lies in order is kept as one run, so that
 * this takes little memory for files that were filled from the start to
 * the end, and some bytes for each block for others.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/log.h"
#include "image/image-check-impl.h"

static uint64_t
run_end (const struct image_check_run *r)
{
  return r->offset + r->n * r->count;
}

static int
enlarge (const struct image_checker *k, struct image_check_space *s, int *err)
{
  const size_t allocated = s->allocated == 0 ? 64 : s->allocated * 2;
  struct image_check_run *run = reallocarray (s->run, allocated, sizeof *run);

  if (run == NULL) {
    log_error ("%s: out of memory", k->name);
    *err = ENOMEM;
    return -1;
  }
  s->run = run;
  s->allocated = allocated;
  return 0;
}

static int
add (const struct image_checker *k, struct image_check_space *s,
     const struct image_check_run *r, int *err)
{
  struct image_check_run *last = s->n > 0 ? &s->run[s->n - 1] : NULL;

  if (last != NULL && r->numbered && last->what == r->what &&
      last->weak == r->weak && last->count == r->count &&
      last->index + last->n == r->index && run_end (last) == r->offset) {
    last->n++;
    return 0;
  }
  if (s->n == s->allocated && enlarge (k, s, err) == -1)
    return -1;
  s->run[s->n++] = *r;
  return 0;
}

int
image_check_add (const struct image_checker *k, struct image_check_space *s,
                 const char *what, uint64_t index, uint64_t offset,
                 uint64_t count, int *err)
{
  const struct image_check_run r = {
    .offset = offset,
    .count = count,
    .index = index != IMAGE_NOWHERE ? index : 0,
    .n = 1,
    .what = what,
    .numbered = index != IMAGE_NOWHERE,
  };

  return add (k, s, &r, err);
}

int
image_check_add_weak (const struct image_checker *k,
                      struct image_check_space *s, const char *what,
                      uint64_t index, uint64_t offset, uint64_t count, int *err)
{
  const struct image_check_run r = {
    .offset = offset,
    .count = count,
    .index = index,
    .n = 1,
    .what = what,
    .numbered = true,
    .weak = true,
  };

  return add (k, s, &r, err);
}

void
image_check_free (struct image_check_space *s)
{
  free (s->run);
  *s = (struct image_check_space){ .n = 0 };
}

static int
compare (const void *a, const void *b)
{
  const struct image_check_run *x = a, *y = b;

  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* Which of R is at [START, END), for people: "blocks 7 to 9". */
static const char *
describe (const struct image_check_run *r, uint64_t start, uint64_t end,
          char *out, size_t n)
{
  const uint64_t first = r->index + (start - r->offset) / r->count;
  const uint64_t last = r->index + (end - 1 - r->offset) / r->count;

  if (!r->numbered)
    snprintf (out, n, "%s", r->what);
  else if (first == last)
    snprintf (out, n, "%s %" PRIu64, r->what, first);
  else
    snprintf (out, n, "%ss %" PRIu64 " to %" PRIu64, r->what, first, last);
  return out;
}

static void
tell_overlap (struct image_checker *k, const struct image_check_run *a,
              const struct image_check_run *b)
{
  const uint64_t start = b->offset;
  const uint64_t end = min_u64 (run_end (a), run_end (b));
  const bool weak = a->weak || b->weak;
  char x[96], y[96];

  image_check_found (k, weak ? IMAGE_NOTE : IMAGE_ERROR,
                     weak ? "overlap-kept" : "overlap", start, false,
                     "%s and %s are both at offset %" PRIu64 " (%" PRIu64
                     " bytes)",
                     describe (a, start, end, x, sizeof x),
                     describe (b, start, end, y, sizeof y), start, end - start);
}

/* How much of [START, END) of INNER is no hole. */
static int
count_data (const struct image_checker *k, struct store *inner, uint64_t start,
            uint64_t end, uint64_t *count, int *err)
{
  *count = 0;
  end = min_u64 (end, store_size (inner));
  start = ROUND_DOWN (start, inner->info.align);
  if (!inner->info.extents && start < end)
    *count = end - start;
  while (inner->info.extents && start < end) {
    struct extent_list l;
    int r;

    extent_list_init (&l, start, end, false);
    r = store_extents (inner, end - start, start, 0, &l, err);
    for (size_t i = 0; r == 0 && i < l.len; i++) {
      if (!(l.v[i].type & EXTENT_HOLE))
        *count += l.v[i].count;
      start = l.v[i].offset + l.v[i].count;
    }
    extent_list_fini (&l);
    if (r == -1) {
      errno = *err;
      log_error ("%s: looking for holes: %m", k->name);
      return -1;
    }
  }
  return 0;
}

/* Nothing has [START, END), the last part of the file or not. */
static int
tell_leak (struct image_checker *k, struct store *inner, uint64_t start,
           uint64_t end, bool last, int *err)
{
  uint64_t count;

  if (count_data (k, inner, start, end, &count, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  k->result->leaked += count;
  image_check_found (k, last ? IMAGE_WARNING : IMAGE_NOTE,
                     last ? "leak-end" : "leak", start, last,
                     "%" PRIu64 " bytes of the file at offset %" PRIu64
                     " are not used by anything%s",
                     count, start,
                     last ? "" : "; compacting would give them back");
  return 0;
}

/* Of two lists of runs, those that are needed and all: the one that ends
 * last so far.
 */
struct sweep {
  const struct image_check_run *needed, *any;
};

static uint64_t
swept (const struct image_check_run *r)
{
  return r != NULL ? run_end (r) : 0;
}

static void
sweep_overlaps (struct image_checker *k, struct sweep *s,
                const struct image_check_run *r)
{
  if (!r->weak && r->offset < swept (s->needed))
    tell_overlap (k, s->needed, r);
  else if (r->offset < swept (s->any) && (r->weak || s->any->weak))
    tell_overlap (k, s->any, r);
  if (!r->weak && run_end (r) > swept (s->needed))
    s->needed = r;
}

int
image_check_judge (struct image_checker *k, struct image_check_space *s,
                   struct store *inner, uint64_t end, uint64_t small, int *err)
{
  struct sweep sweep = { .any = NULL };
  uint64_t used_end;

  if (s->n > 0)
    qsort (s->run, s->n, sizeof s->run[0], compare);
  for (size_t i = 0; i < s->n; i++) {
    const struct image_check_run *r = &s->run[i];

    used_end = swept (sweep.any);
    sweep_overlaps (k, &sweep, r);
    if (r->offset > used_end && r->offset - used_end >= small &&
        tell_leak (k, inner, used_end, r->offset, false, err) == -1)
      return -1;
    if (run_end (r) <= used_end)
      continue;
    k->result->used += run_end (r) - max_u64 (r->offset, used_end);
    sweep.any = r;
  }
  used_end = swept (sweep.any);
  if (end > used_end && end - used_end >= small)
    return tell_leak (k, inner, used_end, end, true, err);
  return 0;
}
