/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Extents of the striped store: each member is asked once for all that
 * the range has on it; then the answers are dealt out again, chunk by
 * chunk, as far as the first of them goes that is short.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "store/store-striped-impl.h"

static int
extents_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  const uint64_t offset = striped_part_offset (j, p);
  struct extent_list *l = &j->list[p - j->part];

  extent_list_init (l, offset, offset + p->range.count,
                    j->flags & STORE_REQ_ONE);
  return store_extents (striped_part_store (j, p), p->range.count, offset,
                        j->flags, l, err);
}

/* Where the answer of a member has been read to. */
struct cursor {
  size_t i;
  uint64_t done; /* bytes of extent I */
};

/* Move COUNT bytes of L, from C on, to OUT.  False if L ends before. */
static bool
deal (const struct extent_list *l, struct cursor *c, uint64_t count,
      struct extent_list *out, int *r, int *err)
{
  while (count > 0 && c->i < l->len && *r == 0) {
    const struct extent *e = &l->v[c->i];
    const uint64_t n = min_u64 (count, e->count - c->done);

    *r = extent_list_add (out, n, e->type, err);
    count -= n;
    c->done += n;
    if (c->done == e->count)
      *c = (struct cursor){ .i = c->i + 1 };
  }
  return count == 0 && *r == 0;
}

static int
merge (const struct striped_job *j, struct extent_list *out, int *err)
{
  const uint64_t end = j->offset + j->count;
  struct cursor cursor[STRIPE_MAX_MEMBERS] = { { 0 } };
  unsigned part_of[STRIPE_MAX_MEMBERS];
  uint64_t at = j->offset;
  int r = 0;

  for (unsigned i = 0; i < j->n; i++)
    part_of[j->part[i].member] = i;
  while (at < end && !extent_list_full (out)) {
    const struct stripe_place p = stripe_map_find (&j->s->map, at);
    const uint64_t n = min_u64 (p.left, end - at);
    const unsigned i = part_of[p.member];

    if (!deal (&j->list[i], &cursor[i], n, out, &r, err))
      break;
    at += n;
  }
  return r;
}

int
striped_extents (struct store *s, uint64_t count, uint64_t offset,
                 unsigned flags, struct extent_list *out, int *err)
{
  struct striped_job j;
  int r;

  j.s = to_striped (s);
  j.what = "extents";
  j.fn = extents_part;
  j.offset = offset;
  j.count = count;
  j.flags = flags;
  striped_job_cut (&j);
  j.list = calloc (j.n, sizeof *j.list);
  if (j.list == NULL) {
    *err = ENOMEM;
    return -1;
  }
  r = striped_job_run (&j, err);
  if (r == 0)
    r = merge (&j, out, err);
  for (unsigned i = 0; i < j.n; i++)
    extent_list_fini (&j.list[i]);
  free (j.list);
  return r;
}
