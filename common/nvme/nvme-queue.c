/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a queue; see nvme-queue.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "nvme/nvme-prp.h"
#include "nvme/nvme-queue-impl.h"
#include "nvme/nvme-status.h"

/* Of data and of its list. */
static unsigned
pages_of_slot (const struct nvme_queue_setup *s)
{
  return s->max_pages + nvme_prp_list_pages (s->max_pages, s->page_size);
}

static int
alloc_slots (struct nvme_queue *q, int *err)
{
  const unsigned n = nvme_queue_nslots (q), each = pages_of_slot (&q->setup);

  q->slots = calloc (n, sizeof *q->slots);
  q->slot_pages = calloc ((size_t) n * each, sizeof *q->slot_pages);
  if (q->slots == NULL || q->slot_pages == NULL) {
    *err = ENOMEM;
    return -1;
  }
  for (unsigned i = n; i-- > 0;) {
    struct nvme_slot *s = &q->slots[i];

    s->pages = q->slot_pages + (size_t) i * each;
    s->cid = (uint16_t) i;
    s->next = q->free;
    q->free = s;
  }
  return 0;
}

static int
alloc_rings (struct nvme_queue *q, int *err)
{
  const struct nvme_queue_setup *s = &q->setup;

  if (nvme_memory_alloc (s->hw, s->depth * sizeof *q->sq, s->page_size,
                         &q->sq_memory, err) == -1 ||
      nvme_memory_alloc (s->hw, s->depth * sizeof *q->cq, s->page_size,
                         &q->cq_memory, err) == -1)
    return -1;
  q->sq = q->sq_memory.va;
  q->cq = q->cq_memory.va;
  return 0;
}

int
nvme_queue_init (struct nvme_queue *q, const struct nvme_queue_setup *setup,
                 int *err)
{
  memset (q, 0, sizeof *q);
  q->setup = *setup;
  pthread_mutex_init (&q->lock, NULL);
  pthread_cond_init (&q->idle, NULL);
  pthread_cond_init (&q->room, NULL);
  q->sleepers_end = &q->sleepers;
  if (alloc_slots (q, err) == -1 || alloc_rings (q, err) == -1 ||
      nvme_pool_init (&q->pool, setup->hw, setup->pages, setup->page_size,
                      err) == -1) {
    nvme_queue_fini (q);
    return -1;
  }
  return 0;
}

void
nvme_queue_free_memory (struct nvme_queue *q)
{
  struct nvme_hw *hw = q->setup.hw;

  if (hw == NULL)
    return;
  nvme_pool_fini (&q->pool, hw);
  nvme_memory_free (hw, &q->sq_memory);
  nvme_memory_free (hw, &q->cq_memory);
  q->setup.hw = NULL;
}

void
nvme_queue_fini (struct nvme_queue *q)
{
  if (q->setup.depth == 0)
    return;
  nvme_queue_free_memory (q);
  free (q->slots);
  free (q->slot_pages);
  pthread_cond_destroy (&q->room);
  pthread_cond_destroy (&q->idle);
  pthread_mutex_destroy (&q->lock);
  memset (q, 0, sizeof *q);
}

/* ------------------------------------------------------------------ */
/* Start and stop */

void
nvme_queue_use_shadow (struct nvme_queue *q, uint32_t *shadow,
                       uint32_t *eventidx, uint32_t stride)
{
  LOCK_SCOPE (&q->lock);
  q->shadow = shadow;
  q->eventidx = eventidx;
  q->shadow_stride = stride;
}

void
nvme_queue_clear (struct nvme_queue *q)
{
  LOCK_SCOPE (&q->lock);

  memset (q->sq, 0, q->setup.depth * sizeof *q->sq);
  memset (q->cq, 0, q->setup.depth * sizeof *q->cq);
  q->tail = q->rung = q->head = q->unacked = 0;
  q->phase = NVME_CQE_PHASE;
  q->broken = false;
  q->shadow = q->eventidx = NULL;
  for (unsigned i = 0; i < nvme_queue_nslots (q); i++) {
    struct nvme_slot *s = &q->slots[i];

    if (s->state == NVME_SLOT_POSTED && s->owner == NULL) {
      q->posted--;
      nvme_slot_free (q, s);
    }
  }
}

void
nvme_queue_start (struct nvme_queue *q)
{
  LOCK_SCOPE (&q->lock);

  for (unsigned i = 0; i < nvme_queue_nslots (q); i++) {
    struct nvme_slot *s = &q->slots[i];

    if (s->state != NVME_SLOT_POSTED)
      continue;
    if (nvme_request_is_gone (s->owner))
      nvme_slot_complete (q, s, NVME_SC_INVALID_NAMESPACE);
    else if (s->once && s->attempts > 0)
      nvme_slot_complete (q, s, NVME_SC_RESET);
    else if (s->attempts < NVME_ATTEMPTS && s->hung < NVME_HUNG_MOST)
      nvme_queue_push (q, s);
    else
      nvme_slot_complete (q, s, NVME_SC_TIMED_OUT);
  }
  q->live = true;
  nvme_queue_ring (q);
  pthread_cond_broadcast (&q->room);
  nvme_queue_wake_one (q);
}

void
nvme_queue_note_hung (struct nvme_queue *q, uint64_t limit_ns)
{
  const uint64_t now = clock_coarse_ns ();

  LOCK_SCOPE (&q->lock);
  for (unsigned i = 0; i < nvme_queue_nslots (q); i++) {
    struct nvme_slot *s = &q->slots[i];

    if (s->state == NVME_SLOT_POSTED && now >= s->posted_ns + limit_ns)
      s->hung++;
  }
}

static void
stop (struct nvme_queue *q)
{
  q->live = false;
  while (q->polling || q->ringing) {
    nvme_queue_kick (q);
    pthread_cond_wait (&q->idle, &q->lock);
  }
}

void
nvme_queue_stop (struct nvme_queue *q)
{
  LOCK_SCOPE (&q->lock);
  stop (q);
}

static void
flush_posted (struct nvme_queue *q, uint16_t status)
{
  for (unsigned i = 0; i < nvme_queue_nslots (q); i++) {
    if (q->slots[i].state == NVME_SLOT_POSTED && q->slots[i].owner != NULL)
      nvme_slot_complete (q, &q->slots[i], status);
  }
}

void
nvme_queue_flush_posted (struct nvme_queue *q, uint16_t status)
{
  LOCK_SCOPE (&q->lock);
  flush_posted (q, status);
}

void
nvme_queue_kill (struct nvme_queue *q, uint16_t status)
{
  LOCK_SCOPE (&q->lock);

  stop (q);
  q->dead = true;
  flush_posted (q, status);
  pthread_cond_broadcast (&q->room);
}

void
nvme_queue_drain (struct nvme_queue *q)
{
  const struct timespec ts = { .tv_nsec = (long) CLOCK_MILLISECOND };

  pthread_mutex_lock (&q->lock);
  /* They know already, and have nothing to wait for. */
  while (q->owned > 0) {
    pthread_mutex_unlock (&q->lock);
    nanosleep (&ts, NULL);
    pthread_mutex_lock (&q->lock);
  }
  pthread_mutex_unlock (&q->lock);
}
