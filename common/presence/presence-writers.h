/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who is changing a set at the moment.  A writer enters before it looks
 * at the tree and leaves when it no longer holds the address of a node;
 * whoever wants to use a node for something else makes it unreachable
 * for those who enter from then on, and sees that all who were inside
 * have left since.  Nobody waits for anybody: entering is two stores to
 * a place that belongs to the thread, and who asks is told yes or no.
 *
 * A place is its thread's for good.  A later thread that has the same
 * identity inherits it, as the earlier one must have ended.  When all
 * are taken, the threads that have none are counted together: slower,
 * and they are found gone only when none of them is inside.
 */

#ifndef DISKSTACK_PRESENCE_WRITERS_H
#define DISKSTACK_PRESENCE_WRITERS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WRITERS_SHIFT 6
#define NWRITERS (1u << WRITERS_SHIFT)

struct presence_writer {
  _Atomic uintptr_t owner; /* a thread, or 0 */
  _Atomic uint64_t seq;    /* odd: it is inside */
  uint64_t waited;         /* the reclaimer's: what seq was, or 0 */
} __attribute__ ((aligned (64)));

struct presence_writers {
  bool light; /* process_barrier works: none is needed to enter */
  struct presence_writer writer[NWRITERS];
  /* Those who have no place. */
  struct presence_writer crowd; /* seq: how many are inside */
};

/* All zero before. */
extern void presence_writers_init (struct presence_writers *ws);

/* As presence_enter, for a thread that is not in its first place. */
extern struct presence_writer *
presence_enter_elsewhere (struct presence_writers *ws, uintptr_t self);

/* Forget what was waited for, and wait for all who are inside now.  What
 * the caller changed before, those who enter later will see.  False if
 * the system cannot do it.
 */
extern bool presence_writers_mark (struct presence_writers *ws);

/* Have all that were inside at the last mark left since?  If so, what
 * they did is seen.
 */
extern bool presence_writers_left (struct presence_writers *ws);

/* An address that no other living thread has. */
static inline uintptr_t
thread_identity (void)
{
#if defined(__x86_64__) && defined(__linux__) && !defined(__ILP32__)
  uintptr_t self;

  __asm__("mov %%fs:0, %0" : "=r"(self));
  return self;
#else
  return (uintptr_t) &errno;
#endif
}

static inline unsigned
first_place (uintptr_t self)
{
  return (unsigned) (((uint64_t) self * UINT64_C (0x9e3779b97f4a7c15)) >>
                     (64 - WRITERS_SHIFT));
}

/* Be inside, with W the place of this thread.  NULL if it is inside
 * already.
 */
static inline struct presence_writer *
presence_enter_place (const struct presence_writers *ws,
                      struct presence_writer *w)
{
  const uint64_t seq = atomic_load_explicit (&w->seq, memory_order_relaxed);

  if (seq % 2 != 0)
    return NULL;
  if (ws->light) {
    atomic_store_explicit (&w->seq, seq + 1, memory_order_relaxed);
    atomic_signal_fence (memory_order_seq_cst);
  }
  else {
    atomic_exchange (&w->seq, seq + 1);
    atomic_thread_fence (memory_order_seq_cst);
  }
  return w;
}

/* Returns what presence_leave needs, from the same thread. */
static inline struct presence_writer *
presence_enter (struct presence_writers *ws)
{
  const uintptr_t self = thread_identity ();
  struct presence_writer *w = &ws->writer[first_place (self)];

  if (atomic_load_explicit (&w->owner, memory_order_relaxed) == self)
    return presence_enter_place (ws, w);
  return presence_enter_elsewhere (ws, self);
}

static inline void
presence_leave (struct presence_writers *ws, struct presence_writer *w)
{
  if (w == &ws->crowd)
    atomic_fetch_sub (&w->seq, 1);
  else if (w != NULL)
    atomic_store_explicit (
      &w->seq, atomic_load_explicit (&w->seq, memory_order_relaxed) + 1,
      memory_order_release);
}

#endif /* DISKSTACK_PRESENCE_WRITERS_H */
