/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blocks of a file that are in memory, by index and by age.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/align.h"
#include "blob/blob-impl.h"

static void
own_memory (struct blob_store *b, struct blob_block *k)
{
  k->data = b->memory + (size_t) (k - b->slot) * b->fetch;
  k->lent = false;
}

int
blob_cache_init (struct blob_store *b, uint64_t size)
{
  b->nslots = size / b->fetch;
  for (b->nchains = 1; b->nchains < b->nslots; b->nchains *= 2)
    ;
  b->slot = calloc (b->nslots, sizeof *b->slot);
  b->chain = calloc (b->nchains, sizeof *b->chain);
  b->memory = mmap (NULL, (size_t) b->nslots * b->fetch, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b->memory == MAP_FAILED)
    b->memory = NULL;
  if (b->slot == NULL || b->chain == NULL || b->memory == NULL) {
    errno = ENOMEM;
    return -1;
  }
  TAILQ_INIT (&b->free);
  TAILQ_INIT (&b->used);
  for (unsigned i = 0; i < b->nslots; i++) {
    own_memory (b, &b->slot[i]);
    pthread_cond_init (&b->slot[i].more, NULL);
    TAILQ_INSERT_TAIL (&b->free, &b->slot[i], place);
  }
  return 0;
}

void
blob_cache_fini (struct blob_store *b)
{
  if (b->memory != NULL)
    munmap (b->memory, (size_t) b->nslots * b->fetch);
  free (b->slot);
  free (b->chain);
}

uint32_t
blob_block_size (const struct blob_store *b, uint64_t index)
{
  return min_u64 (b->fetch, b->size - index * b->fetch);
}

static struct blob_chain *
chain_of (struct blob_store *b, uint64_t index)
{
  return &b->chain[index & (b->nchains - 1)];
}

struct blob_block *
blob_find (struct blob_store *b, uint64_t index)
{
  struct blob_block *k;

  LIST_FOREACH (k, chain_of (b, index), chain)
  {
    if (k->index == index)
      return k;
  }
  return NULL;
}

static void
make_free (struct blob_store *b, struct blob_block *k)
{
  own_memory (b, k);
  k->state = BLOB_FREE;
  TAILQ_INSERT_HEAD (&b->free, k, place);
  if (b->want_slots > 0)
    pthread_cond_broadcast (&b->freed);
}

void
blob_drop (struct blob_store *b, struct blob_block *k)
{
  LIST_REMOVE (k, chain);
  TAILQ_REMOVE (&b->used, k, place);
  make_free (b, k);
}

/* Free the block that was not used for the longest time.  What was read ahead
 * for somebody who is still to come is spared once: what has been read since
 * would seem younger.
 */
static void
evict (struct blob_store *b)
{
  struct blob_block *k, *next;

  for (k = TAILQ_FIRST (&b->used); k != NULL; k = next) {
    next = TAILQ_NEXT (k, place);
    if (k->state != BLOB_WHOLE || k->users > 0)
      continue;
    if (!k->unread) {
      blob_drop (b, k);
      return;
    }
    k->unread = false;
    TAILQ_REMOVE (&b->used, k, place);
    TAILQ_INSERT_TAIL (&b->used, k, place);
    if (next == NULL)
      next = k;
  }
}

struct blob_block *
blob_get_slot (struct blob_store *b, uint64_t index)
{
  struct blob_block *k;

  if (TAILQ_EMPTY (&b->free))
    evict (b);
  k = TAILQ_FIRST (&b->free);
  if (k == NULL)
    return NULL;
  TAILQ_REMOVE (&b->free, k, place);
  k->state = BLOB_COMING;
  k->index = index;
  k->users = 1;
  k->from = k->have = 0;
  k->to = blob_block_size (b, index);
  k->parts = 0;
  k->unread = false;
  k->need = UINT32_MAX;
  k->flight = NULL;
  k->next = NULL;
  LIST_INSERT_HEAD (chain_of (b, index), k, chain);
  TAILQ_INSERT_TAIL (&b->used, k, place);
  return k;
}

void
blob_put (struct blob_store *b, struct blob_block *k)
{
  if (--k->users > 0) {
    if (k->lent && k->users == 1)
      pthread_cond_broadcast (&k->more);
    return;
  }
  if (k->state == BLOB_FAILED) {
    make_free (b, k);
    return;
  }
  TAILQ_REMOVE (&b->used, k, place);
  TAILQ_INSERT_TAIL (&b->used, k, place);
  if (k->state == BLOB_WHOLE && b->want_slots > 0)
    pthread_cond_broadcast (&b->freed);
}

void
blob_lend (struct blob_block *k, uint8_t *buf)
{
  k->data = buf;
  k->lent = true;
}

void
blob_take_back (struct blob_store *b, struct blob_block *k)
{
  if (k->state != BLOB_FAILED) {
    LIST_REMOVE (k, chain);
    TAILQ_REMOVE (&b->used, k, place);
  }
  while (k->users > 1)
    pthread_cond_wait (&k->more, &b->lock);
  k->users = 0;
  if (k->flight != NULL)
    k->state = BLOB_GONE;
  else
    make_free (b, k);
}

void
blob_gone (struct blob_store *b, struct blob_block *k)
{
  k->flight = NULL;
  make_free (b, k);
}

void
blob_fail (struct blob_store *b, struct blob_block *k, int err)
{
  LIST_REMOVE (k, chain);
  TAILQ_REMOVE (&b->used, k, place);
  k->flight = NULL;
  k->err = err;
  k->state = BLOB_FAILED;
  pthread_cond_broadcast (&k->more);
  if (k->users == 0)
    make_free (b, k);
}
