/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The best that any cache could do, if it knew the future: it gives up
 * the cluster that is read again last of all, which may be the one just
 * read.
 */

#include <config.h>

#include <stdlib.h>

#include "bench-policy.h"
#include "support/must.h"

/* A heap of clusters that are held, the last to be read again on top.  An
 * entry whose time is not the cluster's own any more means nothing.
 */
struct heap {
  struct {
    uint32_t again, cluster;
  } * v;
  size_t n;
};

static void
heap_push (struct heap *h, uint32_t again, uint32_t cluster)
{
  size_t i = h->n++;

  for (; i > 0 && h->v[(i - 1) / 2].again < again; i = (i - 1) / 2)
    h->v[i] = h->v[(i - 1) / 2];
  h->v[i].again = again;
  h->v[i].cluster = cluster;
}

static void
heap_pop (struct heap *h)
{
  const size_t n = --h->n;
  size_t i = 0, child;

  while ((child = 2 * i + 1) < n) {
    child += child + 1 < n && h->v[child + 1].again > h->v[child].again;
    if (h->v[child].again <= h->v[n].again)
      break;
    h->v[i] = h->v[child];
    i = child;
  }
  h->v[i] = h->v[n];
}

double
best_possible (const struct trace *t, uint64_t capacity)
{
  uint32_t *again = must_malloc (t->n * sizeof *again);
  /* By cluster: when it is read again; 0: not held. */
  uint32_t *when = must_calloc (t->nclusters, sizeof *when);
  struct heap heap = { .v = must_malloc (t->n * sizeof *heap.v) };
  uint64_t held = 0, hits = 0;

  for (size_t i = t->n; i-- > 0;) {
    const uint32_t c = t->clusters[i];

    again[i] = when[c] != 0 ? when[c] : UINT32_MAX;
    when[c] = (uint32_t) i;
  }
  for (uint64_t c = 0; c < t->nclusters; c++)
    when[c] = 0;
  for (size_t i = 0; i < t->n; i++) {
    const uint32_t c = t->clusters[i];

    hits += i >= t->n / 2 && when[c] != 0;
    held += when[c] == 0;
    when[c] = again[i];
    heap_push (&heap, again[i], c);
    while (held > capacity) {
      const uint32_t top = heap.v[0].cluster;

      if (when[top] == heap.v[0].again) {
        when[top] = 0;
        held--;
      }
      heap_pop (&heap);
    }
  }
  free (again);
  free (when);
  free (heap.v);
  return (double) hits / (double) (t->n - t->n / 2);
}
