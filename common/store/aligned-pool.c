/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See aligned-pool.h.  Invariant: the permits of the semaphore are never
 * more than the bits in free_slots, so that who has a permit finds a
 * slot.  A bit is set before a permit is given back, and cleared after
 * one was got.
 */

#include <config.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/align.h"
#include "store/aligned-pool.h"

#define ALL_SLOTS ((uint32_t) ((UINT64_C (1) << ALIGNED_POOL_BUFFERS) - 1))

#define HUGE_PAGE (2 * 1024 * 1024)
#define POOL_SIZE ((size_t) ALIGNED_POOL_BUFFERS * ALIGNED_POOL_SIZE)

_Static_assert(ALIGNED_POOL_BUFFERS <= 32, "one bit each");

struct aligned_pool {
  char *base; /* slot I is at base + I * ALIGNED_POOL_SIZE */
  sem_t permits;
  _Atomic uint32_t free_slots;
};

struct aligned_pool *
aligned_pool_create (size_t align)
{
  struct aligned_pool *p = calloc (1, sizeof *p);
  void *base;

  /* Large enough to be mapped rather than taken from the heap: pages
   * that nobody touches do not exist.
   */
  if (p == NULL ||
      posix_memalign (&base, max_u64 (align, HUGE_PAGE), POOL_SIZE) != 0) {
    free (p);
    errno = ENOMEM;
    return NULL;
  }
  madvise (base, POOL_SIZE, MADV_HUGEPAGE); /* or not */
  p->base = base;
  sem_init (&p->permits, 0, ALIGNED_POOL_BUFFERS);
  atomic_init (&p->free_slots, ALL_SLOTS);
  return p;
}

void
aligned_pool_free (struct aligned_pool *p)
{
  if (p == NULL)
    return;
  sem_destroy (&p->permits);
  free (p->base);
  free (p);
}

/* With a permit: the lowest slot. */
static void *
take_slot (struct aligned_pool *p)
{
  uint32_t slots = atomic_load_explicit (&p->free_slots, memory_order_relaxed);

  while (!atomic_compare_exchange_weak_explicit (
    &p->free_slots, &slots, slots & (slots - 1), memory_order_acquire,
    memory_order_relaxed))
    ;
  return p->base + (size_t) __builtin_ctz (slots) * ALIGNED_POOL_SIZE;
}

void *
aligned_pool_get (struct aligned_pool *p)
{
  while (sem_wait (&p->permits) == -1)
    ; /* EINTR */
  return take_slot (p);
}

void *
aligned_pool_try_get (struct aligned_pool *p)
{
  return sem_trywait (&p->permits) == 0 ? take_slot (p) : NULL;
}

unsigned
aligned_pool_index (const struct aligned_pool *p, const void *buf)
{
  return (unsigned) ((size_t) ((const char *) buf - p->base) /
                     ALIGNED_POOL_SIZE);
}

void
aligned_pool_put (struct aligned_pool *p, void *buf)
{
  atomic_fetch_or_explicit (&p->free_slots,
                            UINT32_C (1) << aligned_pool_index (p, buf),
                            memory_order_release);
  sem_post (&p->permits);
}
