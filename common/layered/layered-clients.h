/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether clients are doing something, for work in the background that
 * is to be in nobody's way.  Costs a request one load while nobody wants
 * to know.
 */

#ifndef DISKSTACK_LAYERED_CLIENTS_H
#define DISKSTACK_LAYERED_CLIENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Clients pause for longer between requests that belong together. */
#define LAYERED_CLIENTS_IDLE_NS UINT64_C (20000000)

struct layered_clients {
  _Atomic bool watched;     /* somebody wants to know */
  _Atomic uint32_t running; /* requests that began while watched */
  _Atomic uint64_t last;    /* when one of these ended; coarse clock, ns */
};

/* A request begins; give what it returns to leave when it ends. */
static inline struct layered_clients *
layered_clients_enter (struct layered_clients *c)
{
  if (!atomic_load_explicit (&c->watched, memory_order_relaxed))
    return NULL;
  atomic_fetch_add_explicit (&c->running, 1, memory_order_relaxed);
  return c;
}

static inline void
layered_clients_leave (struct layered_clients **entered)
{
  struct layered_clients *c = *entered;

  if (c == NULL)
    return;
  atomic_store_explicit (&c->last, clock_coarse_ns (), memory_order_relaxed);
  atomic_fetch_sub_explicit (&c->running, 1, memory_order_release);
}

/* Does a request run, or did one end a moment ago? */
static inline bool
layered_clients_busy (const struct layered_clients *c)
{
  const uint64_t now = clock_coarse_ns ();
  uint64_t last;

  if (atomic_load_explicit (&c->running, memory_order_acquire) > 0)
    return true;
  last = atomic_load_explicit (&c->last, memory_order_relaxed);
  return last != 0 && (now < last || now - last < LAYERED_CLIENTS_IDLE_NS);
}

#endif /* DISKSTACK_LAYERED_CLIENTS_H */
