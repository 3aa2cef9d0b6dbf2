/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See presence-writers.h.
 */

#include <config.h>

#include "base/process-barrier.h"
#include "presence/presence-writers.h"

void
presence_writers_init (struct presence_writers *ws)
{
  ws->light = process_barrier_prepare ();
}

struct presence_writer *
presence_enter_elsewhere (struct presence_writers *ws, uintptr_t self)
{
  const unsigned first = first_place (self);

  for (unsigned i = 0; i < NWRITERS; i++) {
    struct presence_writer *w = &ws->writer[(first + i) % NWRITERS];
    uintptr_t owner = atomic_load_explicit (&w->owner, memory_order_relaxed);

    if (owner == self || (owner == 0 && atomic_compare_exchange_strong (
                                          &w->owner, &owner, self)))
      return presence_enter_place (ws, w);
  }
  atomic_fetch_add (&ws->crowd.seq, 1);
  atomic_thread_fence (memory_order_seq_cst);
  return &ws->crowd;
}

bool
presence_writers_mark (struct presence_writers *ws)
{
  if (ws->light) {
    if (!process_barrier ())
      return false;
  }
  else
    atomic_thread_fence (memory_order_seq_cst);

  for (unsigned i = 0; i < NWRITERS; i++) {
    struct presence_writer *w = &ws->writer[i];
    const uint64_t seq = atomic_load_explicit (&w->seq, memory_order_acquire);

    w->waited = seq % 2 != 0 ? seq : 0;
  }
  ws->crowd.waited = atomic_load (&ws->crowd.seq);
  return true;
}

bool
presence_writers_left (struct presence_writers *ws)
{
  for (unsigned i = 0; i < NWRITERS; i++) {
    struct presence_writer *w = &ws->writer[i];

    if (w->waited == 0)
      continue;
    if (atomic_load_explicit (&w->seq, memory_order_acquire) == w->waited)
      return false;
    w->waited = 0;
  }
  if (ws->crowd.waited != 0 && atomic_load (&ws->crowd.seq) != 0)
    return false;
  ws->crowd.waited = 0;
  return true;
}
