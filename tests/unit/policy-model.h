/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The same policy of eviction in the simplest way: a structure for each
 * cluster of the disk, queues that are arrays, and nothing that is fast.
 */

#ifndef DISKSTACK_TESTS_POLICY_MODEL_H
#define DISKSTACK_TESTS_POLICY_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_MAX 6000 /* clusters */

struct model_queue {
  unsigned n;
  uint16_t v[2 * MODEL_MAX];
};

struct model_cluster {
  bool held, queued, main; /* queued: in small or main */
  bool noted, ghost;       /* noted: in ghosts, where it may mean nothing */
  unsigned used;
};

struct model {
  struct model_cluster c[MODEL_MAX];
  struct model_queue small, main, ghosts, recent;
  unsigned small_due;
};

static inline void
model_push (struct model_queue *q, uint64_t cluster)
{
  q->v[q->n++] = (uint16_t) cluster;
}

static inline uint16_t
model_pop (struct model_queue *q)
{
  const uint16_t cluster = q->v[0];

  memmove (q->v, q->v + 1, --q->n * sizeof *q->v);
  return cluster;
}

/* How many are held, or removed (neither), or ghosts. */
static inline unsigned
model_held (const struct model *m)
{
  unsigned n = 0;

  for (unsigned i = 0; i < MODEL_MAX; i++)
    n += m->c[i].held;
  return n;
}

static inline unsigned
model_held_small (const struct model *m)
{
  unsigned n = 0;

  for (unsigned i = 0; i < MODEL_MAX; i++)
    n += m->c[i].held && !m->c[i].main;
  return n;
}

static inline unsigned
model_removed (const struct model *m)
{
  unsigned n = 0;

  for (unsigned i = 0; i < MODEL_MAX; i++)
    n += m->c[i].queued && !m->c[i].held;
  return n;
}

static inline unsigned
model_ghosts (const struct model *m)
{
  unsigned n = 0;

  for (unsigned i = 0; i < MODEL_MAX; i++)
    n += m->c[i].ghost;
  return n;
}

static inline void
model_expire (struct model *m)
{
  const unsigned held = model_held (m), limit = held > 64 ? held : 64;

  for (unsigned i = 0; i < 2; i++)
    if (model_ghosts (m) > limit || m->ghosts.n > 2 * limit) {
      struct model_cluster *c = &m->c[model_pop (&m->ghosts)];

      c->noted = c->ghost = false;
    }
}

/* What is new in the small queue: the uses of an older one begin to count.
 */
static inline void
model_recent (struct model *m, uint64_t cluster)
{
  unsigned n = model_held_small (m) / 8;

  n = n < 1 ? 1 : n > 16 ? 16 : n;
  if (m->recent.n >= n) {
    struct model_cluster *old = &m->c[m->recent.v[m->recent.n - n]];

    if (old->held && !old->main)
      old->used = 0;
  }
  model_push (&m->recent, cluster);
  if (m->recent.n > 16)
    model_pop (&m->recent);
}

static inline void
model_hold (struct model *m, uint64_t cluster, bool to_main)
{
  struct model_cluster *c = &m->c[cluster];

  c->held = true;
  c->ghost = false;
  c->used = 0;
  if (!c->queued) {
    c->queued = true;
    c->main = to_main;
    model_push (to_main ? &m->main : &m->small, cluster);
  }
}

static inline void
model_insert (struct model *m, uint64_t cluster)
{
  if (m->c[cluster].held)
    return;
  model_hold (m, cluster, m->c[cluster].ghost);
  if (!m->c[cluster].main)
    model_recent (m, cluster);
  model_expire (m);
}

static inline void
model_return (struct model *m, uint64_t cluster)
{
  const struct model_cluster *c = &m->c[cluster];

  if (c->held)
    return;
  m->small_due += c->noted && !c->ghost && !c->queued;
  model_hold (m, cluster, true);
}

static inline void
model_hit (struct model *m, uint64_t cluster)
{
  struct model_cluster *c = &m->c[cluster];

  if (c->held && c->used < 3)
    c->used++;
}

static inline void
model_sweep (struct model *m, struct model_queue *q)
{
  unsigned n = 0;

  for (unsigned i = 0; i < q->n; i++)
    if (m->c[q->v[i]].held)
      q->v[n++] = q->v[i];
    else
      m->c[q->v[i]].queued = m->c[q->v[i]].main = false;
  q->n = n;
}

static inline void
model_remove (struct model *m, uint64_t cluster)
{
  if (!m->c[cluster].held)
    return;
  m->c[cluster].held = false;
  if (model_removed (m) > 64 + model_held (m) / 8) {
    model_sweep (m, &m->small);
    model_sweep (m, &m->main);
  }
  model_expire (m);
}

/* One turn; was it the victim? */
static inline bool
model_turn (struct model *m, uint64_t *cluster)
{
  const unsigned part = model_held (m) / 10;
  const bool enough = model_held_small (m) >= (part > 0 ? part : 1);
  const bool small =
    m->main.n == 0 || (m->small.n > 0 && (m->small_due > 0 || enough));
  struct model_cluster *c;

  *cluster = model_pop (small ? &m->small : &m->main);
  c = &m->c[*cluster];
  if (c->held && c->used >= (small ? 2 : 1)) {
    c->used = small ? 0 : c->used - 1;
    c->main = true;
    model_push (&m->main, *cluster);
    return false;
  }
  c->queued = c->main = false;
  if (!c->held)
    return false;
  c->held = false;
  c->ghost = small;
  if (!c->noted)
    model_push (&m->ghosts, *cluster);
  c->noted = true;
  return true;
}

static inline bool
model_victim (struct model *m, uint64_t *cluster)
{
  while (model_held (m) > 0)
    if (model_turn (m, cluster)) {
      m->small_due -= m->small_due > 0;
      return true;
    }
  return false;
}

#endif /* DISKSTACK_TESTS_POLICY_MODEL_H */
